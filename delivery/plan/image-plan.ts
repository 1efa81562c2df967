import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";
import { sha256 } from "../basics/sha256.ts";
import { isDigest } from "../registry/references.ts";
import type { BaseLock } from "../sources/base-lock.ts";
import {
  type Stage,
  baseImages,
  parseDockerfile,
  pinSyntax,
  syntaxImage,
} from "../sources/dockerfile.ts";
import { imageSourceRules } from "../sources/source-rules.ts";
import { type ReadOptions, type SourceFile, readSourceTree } from "../sources/source-tree.ts";
import { type BuildSteps, buildSteps } from "./build-steps.ts";
import { recipes } from "./recipes.ts";
import { readText, requireFolder } from "./source-files.ts";
import { type VersionScheme, contentTag, imageTag } from "./version.ts";

/** Sources of an image: a folder with a Dockerfile. */
export interface ImageSource {
  /** Folder that is the build context, relative to the project. */
  readonly path: string;
  /** Dockerfile relative to the project. @default - `Dockerfile` in {@link path} */
  readonly dockerfile?: string | undefined;
  /** Stage to build. @default - the last one */
  readonly target?: string | undefined;
  /** Build arguments; they end up in the image's history, so no secrets. @default - none */
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
}

/** What decides an image besides its sources. */
export interface ImagePlanOptions extends ReadOptions {
  readonly platforms: readonly string[];
  readonly versions: VersionScheme;
  /** Digests of images from elsewhere. */
  readonly bases: BaseLock;
  /** Images of the same program that its Dockerfile starts or copies from, by the names that it has for them. @default - none */
  readonly needs?: ReadonlyMap<string, NeededImage>;
}

/** What an image needs to know of one that it is built upon. */
export type NeededImage = Pick<ImagePlan, "name" | "key" | "steps">;

/** An image as it would be built now. */
export interface ImagePlan {
  /** Name in the registry, below its namespace. */
  readonly name: string;
  /** Build context, relative to the project. */
  readonly path: string;
  readonly dockerfile: PlannedDockerfile;
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
  /** Locked digest of each image that the Dockerfile takes from elsewhere; `""` where the lock has none. */
  readonly bases: ReadonlyMap<string, string>;
  /** Images of the same program that the Dockerfile takes, by the names that it has for them. */
  readonly needs: ReadonlyMap<string, NeededImage>;
  /** What `.dockerignore` leaves of the context. */
  readonly files: readonly SourceFile[];
  /** What a build of it does. */
  readonly steps: BuildSteps;
  /** SHA-256 over all that decides the image's content. */
  readonly key: string;
  /** Tag under which it is pushed, which only changes with the key. */
  readonly contentTag: string;
  /** Tag under which people and charts find it: the release, else {@link contentTag}. */
  readonly tag: string;
}

/** A Dockerfile as it is handed to the builder. */
export interface PlannedDockerfile {
  /** Path relative to the project. */
  readonly path: string;
  /** SHA-256 of its bytes, in hex. */
  readonly digest: string;
  /** Its text, with the frontend of a `# syntax=` line bound to its locked digest. */
  readonly text: string;
}

/**
 * Reads the sources of an image and derives key and tags. Nothing is written.
 *
 * @throws InputError that says what is wrong with the sources.
 */
export function planImage(name: string, image: ImageSource, options: ImagePlanOptions): ImagePlan {
  const {
    platforms,
    versions,
    bases: lock,
    needs = new Map<string, never>(),
    largestFile,
  } = options;
  const { path, target, buildArgs = {} } = image;
  requireFolder(path, `image "${name}"`);
  const read = readDockerfile(name, image, platforms);
  const { dockerfile, text, stages } = read;
  if (target !== undefined && !stages.some((stage) => stage.name === target.toLowerCase())) {
    throw new InputError(
      `image "${name}": ${dockerfile} has no stage "${target}"; name one of its stages with AS`,
    );
  }
  const outside = takenFromOutside(name, [...needs.keys()], read);
  const bases = new Map(outside.map((base) => [base, lockedDigest(base, lock)]));
  // BuildKit would heed the file once more if it were in the context.
  const files = readSourceTree(path, imageSourceRules(path, dockerfile).rules, {
    largestFile,
  }).filter((file) => file.path !== ".dockerignore");
  const syntax = syntaxImage(text);
  const pins = syntax !== undefined && !syntax.includes("@");
  const syntaxDigest = pins ? (bases.get(syntax) ?? "") : "";
  const digest = sha256(readFileSync(dockerfile));
  const key = sha256(
    JSON.stringify([
      recipes.image,
      digest,
      files,
      Object.entries(buildArgs).sort(),
      target,
      platforms,
      [...bases].sort(),
      [...needs].map(([reference, { key }]) => [reference, key]).sort(),
    ]),
  );
  const planned = {
    path: dockerfile,
    digest,
    text: syntaxDigest === "" ? text : pinSyntax(text, syntaxDigest),
  };
  const taken = [...needs].map(([reference, { steps }]) => [reference, steps.result] as const);
  const known = new Map([...bases, ...taken]);
  return {
    name,
    path,
    dockerfile: planned,
    target,
    buildArgs,
    platforms,
    bases,
    needs,
    files,
    steps: buildSteps({
      ...{ dockerfile: planned, target, buildArgs, platforms, files, bases: known, key },
    }),
    key,
    contentTag: contentTag(versions, key),
    tag: imageTag(versions, key),
  };
}

/**
 * References in an image's Dockerfile to images that are not among its needs, frontend included.
 *
 * @throws InputError when the Dockerfile cannot be read, or takes nothing from one of the needs.
 */
export function outsideBases(
  name: string,
  image: ImageSource & { readonly needs?: readonly string[] },
  platforms: readonly string[],
): string[] {
  return takenFromOutside(name, image.needs ?? [], readDockerfile(name, image, platforms));
}

/** Digest that a reference carries itself or that the lock has for it; `""` for neither. */
function lockedDigest(reference: string, lock: BaseLock): string {
  const own = reference.slice(reference.indexOf("@") + 1);
  return isDigest(own) ? own : (lock.get(reference) ?? "");
}

/** Build contexts that bind what `FROM` names to locked digests, by that name: no change of the Dockerfile is needed. */
export function lockedContexts({ bases }: Pick<ImagePlan, "bases">): Record<string, string> {
  const locked = [...bases].filter(([base, digest]) => digest !== "" && !base.includes("@"));
  return Object.fromEntries(
    locked.map(([base, digest]) => [base, `docker-image://${base}@${digest}`]),
  );
}

interface ReadDockerfile {
  readonly dockerfile: string;
  readonly text: string;
  /** As they are for the first platform. */
  readonly stages: readonly Stage[];
  /** Images that it starts or copies from, for any platform. */
  readonly taken: readonly string[];
}

function readDockerfile(
  name: string,
  image: ImageSource,
  platforms: readonly string[],
): ReadDockerfile {
  const { path, dockerfile = join(path, "Dockerfile"), buildArgs } = image;
  const text = readText(dockerfile, `image "${name}"`);
  const read = platforms.map((platform) => parseDockerfile(dockerfile, text, buildArgs, platform));
  const taken = [...new Set(read.flatMap(baseImages))];
  return { dockerfile, text, stages: read[0] ?? [], taken };
}

function takenFromOutside(
  name: string,
  needs: readonly string[],
  { dockerfile, text, taken }: ReadDockerfile,
): string[] {
  const unused = needs.find((need) => !taken.includes(need));
  if (unused !== undefined) {
    throw new InputError(
      `image "${name}" needs "${unused}", but ${dockerfile} neither starts nor copies from it; ` +
        `write FROM ${unused}, or take it out of its needs`,
    );
  }
  return taken.filter((base) => !needs.includes(base)).concat(syntaxImage(text) ?? []);
}
