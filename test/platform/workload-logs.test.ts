import { expect, test } from "vitest";
import { chooseWorkload } from "../../platform/workload-logs.ts";

const all = ["tinyolly-webui", "tinyolly-redis", "redis", "demo-redis-cache"].map((name) => ({
  name,
}));

test.each([
  ["tinyolly-webui", "tinyolly-webui"],
  ["webui", "tinyolly-webui"],
  ["redis", "redis"],
])("the workload %s is %s", (app, name) => {
  expect(chooseWorkload(all, app)).toEqual({ name });
});

test.each<[app: string, found: readonly { readonly name: string }[], message: string]>([
  [
    "webiu",
    all,
    'APP is "webiu"; name one of tinyolly-webui, tinyolly-redis, redis, demo-redis-cache',
  ],
  ["tinyolly-webiu", all, 'APP is "tinyolly-webiu" (did you mean tinyolly-webui?); name one of '],
  ["", all, "APP is missing; name one of tinyolly-webui, "],
  [
    "redis",
    all.slice(1, 2).concat({ name: "shop-redis" }),
    'APP is "redis"; name one of tinyolly-redis, shop-redis',
  ],
  ["webui", [], "nothing is deployed; make up deploys it"],
])("the workload %j is an error that names what there is", (app, found, message) => {
  expect(() => chooseWorkload(found, app)).toThrow(message);
});
