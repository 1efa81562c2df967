import { expect, test } from "vitest";
import { parseDocument, stringify } from "yaml";
import {
  lockDependencies,
  readDependencies,
} from "../../../delivery/sources/chart-dependencies.ts";

const redis = { name: "redis", version: "1.2.3+a", repository: "oci://charts.test/bitnami/" };
const found = { name: "redis", version: "1.2.3+a", reference: "charts.test/bitnami/redis:1.2.3_a" };

function read(dependency: Readonly<Record<string, unknown>>, ...files: string[]) {
  const chart = parseDocument(stringify({ dependencies: [dependency] }));
  const sources = files.map((path) => ({ path, kind: "file" as const, digest: "" }));
  return readDependencies(chart, sources, 'chart "shop"');
}

test("a dependency is found by repository, name and version", () => {
  expect(read(redis)).toEqual([found]);
  expect(readDependencies(parseDocument("name: shop"), [], "")).toEqual([]);
});

test("one that lies in the chart's own folder is no dependency on others", () => {
  expect(read(redis, "charts/redis/Chart.yaml")).toEqual([]);
  expect(read(redis, "charts/redis-1.2.3+a.tgz")).toEqual([]);
  expect(read({ name: "redis", version: "1.2.3" }, "charts/redis/Chart.yaml")).toEqual([]);
});

test.each([
  [
    { ...redis, repository: "https://charts.test" },
    'is in "https://charts.test"; name a repository that begins with oci://',
  ],
  [{ ...redis, repository: undefined }, 'is in ""; name a repository that begins with oci://'],
  [{ ...redis, version: "^1.2.0" }, 'has the version "^1.2.0", and tags know no ranges'],
])("%j is refused", (dependency, message) => {
  expect(() => read(dependency)).toThrow(`chart "shop": its dependency "redis" ${message}`);
});

test("the lock binds it to a digest, and one that it does not have is named", () => {
  const digest = `sha256:${"1".repeat(64)}`;
  expect(lockDependencies([found], new Map([[found.reference, digest]]), "")).toEqual([
    { ...found, digest },
  ]);
  expect(() => lockDependencies([found], new Map(), 'chart "shop"')).toThrow(
    'chart "shop": charts.test/bitnami/redis:1.2.3_a is not in charts.lock.yaml; make bases UPDATE=1 records its digest',
  );
});
