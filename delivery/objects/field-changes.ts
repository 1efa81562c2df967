import { isDeepStrictEqual } from "node:util";
import { isMap } from "../basics/json-fields.ts";

/** A field of an object that gets another value. */
export interface FieldChange {
  /** Such as `spec.template.spec.containers[web].image`. */
  readonly path: string;
  /** What it was; left out where there was nothing. */
  readonly from?: unknown;
  /** What it is then; left out where there is nothing. */
  readonly to?: unknown;
  /** Whether only a build or chance decides what it is then. @default false */
  readonly open?: true;
}

/** The fields at which two values differ; a null is as good as nothing. */
export function fieldChanges(before: unknown, after: unknown, path = ""): FieldChange[] {
  const [from, to] = [before ?? undefined, after ?? undefined];
  if (isMap(from) && isMap(to)) {
    return keysOf(from, to).flatMap((key) => fieldChanges(from[key], to[key], step(path, key)));
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    const names = sharedNames(from, to);
    if (names) {
      return names.flatMap((name) =>
        fieldChanges(entry(from, name), entry(to, name), `${path}[${name}]`),
      );
    }
    if (from.length === to.length)
      return from.flatMap((one, at) => fieldChanges(one, to[at], `${path}[${at}]`));
  }
  if (isDeepStrictEqual(from, to)) return [];
  return [{ path, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }];
}

/** The same, where what comes after is only known in part: `other` is another thing that it may be as well. */
export function openChanges(before: unknown, after: unknown, other: unknown): FieldChange[] {
  const open = fieldChanges(after, other).map(({ path }) => path);
  return fieldChanges(before, after).map((change): FieldChange => {
    const { path } = change;
    if (!open.some((one) => one.startsWith(path) || path.startsWith(one))) return change;
    return { ...change, open: true };
  });
}

function keysOf(from: object, to: object): string[] {
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
}

/** Names of the entries of two lists, where each entry has one and those of both lists come in one order; else undefined. */
function sharedNames(from: readonly unknown[], to: readonly unknown[]): string[] | undefined {
  const [old, now] = [from, to].map(entryNames);
  if (!old || !now) return undefined;
  const [oldSet, nowSet] = [new Set(old), new Set(now)];
  const kept = now.filter((name) => oldSet.has(name));
  // Their order may mean something.
  if (
    !isDeepStrictEqual(
      kept,
      old.filter((name) => nowSet.has(name)),
    )
  )
    return undefined;
  return [...new Set([...old, ...now])];
}

function entryNames(list: readonly unknown[]): string[] | undefined {
  const names = list.map((one) => (isMap(one) ? one["name"] : undefined));
  const texts = names.filter((name) => typeof name === "string");
  return texts.length === list.length && new Set(texts).size === list.length ? texts : undefined;
}

function entry(list: readonly unknown[], name: string): unknown {
  return list.find((one) => isMap(one) && one["name"] === name);
}

function step(path: string, key: string): string {
  if (!/^[\w$/-]+$/.test(key) && !/^[\w-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}
