import { describe, expect, test } from "vitest";
import { type Behaviour, sendJson } from "../../fake-registry-answers.ts";
import type { FakeRegistry } from "../../fake-registry.ts";
import {
  clientOf,
  content,
  error,
  first,
  html,
  messageOf,
  paths,
  reset,
  serve,
  status,
} from "../../registry-questions.ts";
const address = "check registryPush and registryPushTls";

describe("tags", () => {
  const tags = ["v1", "v10", "v2", "h0", "Z", "sha256-0"];
  const serveTags = async (pageSize: number): Promise<FakeRegistry> => {
    const registry = await serve({ pageSize });
    for (const tag of tags) registry.setManifest("a/web", tag, "{}");
    return registry;
  };

  test("are sorted, over all pages", async () => {
    for (const [pageSize, pages] of [
      [2, 3],
      [6, 1],
      [1000, 1],
    ] as const) {
      const registry = await serveTags(pageSize);
      expect(await clientOf(registry).listTags("a/web")).toEqual([...tags].sort());
      expect(registry.requests).toHaveLength(pages);
      expect(paths(registry)[0]).toBe("GET /v2/a/web/tags/list?n=1000");
    }
  });

  test("are none where the registry has none, or does not know the repository", async () => {
    expect(await clientOf(await serve()).listTags("a/web")).toEqual([]);
    const empty = await serve({ behaviour: content('{"tags":null}', "application/json") });
    expect(await clientOf(empty).listTags("a/web")).toEqual([]);
  });

  test("are read on where the registry says, by whatever address", async () => {
    const links = [
      (path: string) => `<${path}>; rel="next"`,
      (path: string) => `<http://HOST${path}>; rel=next`,
      (path: string) => `<https://HOST${path}>; foo="bar"; rel="next"`,
      (path: string) => `<list${path.slice(path.indexOf("?"))}>; rel="next"`,
    ];
    for (const link of links) {
      const registry = await serve({
        behaviour: ({ path, headers }, response) => {
          const next = link("/v2/a/web/tags/list?last=a").replace("HOST", headers.host ?? "");
          const isLast = path.endsWith("last=a");
          sendJson(response, 200, { tags: isLast ? ["b"] : ["a"] }, isLast ? {} : { link: next });
          return true;
        },
      });
      expect(await clientOf(registry).listTags("a/web")).toEqual(["a", "b"]);
    }
  });

  const table: [string, Behaviour, string][] = [
    [
      "of a registry that goes round in circles",
      (_, response) => {
        sendJson(
          response,
          200,
          { tags: ["a"] },
          { link: '</v2/a/web/tags/list?last=a>; rel="next"' },
        );
        return true;
      },
      "the registry names /v2/a/web/tags/list?last=a as its next page twice; look into its log",
    ],
    [
      "on a web page",
      (_, response) => html(response, 200),
      `the answer (200, text/html) is no list of tags; ${address}`,
    ],
    [
      "that are none",
      content('{"tags":[1]}', "application/json"),
      `the answer (200, application/json) is no list of tags; ${address}`,
    ],
    [
      "of a registry that is none",
      (_, response) => html(response, 404),
      `the registry answered 404 Not Found with text/html; charset=utf-8, as no registry does; ${address}`,
    ],
    [
      "that may not be read",
      status(403),
      "the registry answered 403 Forbidden, and Docker's configuration has no credentials for it; run docker login HOST as a user or with a token that may pull from there (on GHCR: read:packages)",
    ],
    [
      "beyond a quota of questions",
      error(429, "TOOMANYREQUESTS", "quota exceeded"),
      'the registry answered 429 Too Many Requests; ask again later, run docker login, which raises most limits, or set TINYOLLY_OFFLINE=1 for a preview that does not ask it; it says "TOOMANYREQUESTS: quota exceeded"',
    ],
  ];
  test.each(table)("%s are an error", async (_, behaviour, problem) => {
    const registry = await serve({ behaviour });
    expect(await messageOf(clientOf(registry).listTags("a/web"), registry)).toBe(
      `the tags of HOST/a/web could not be read: ${problem}`,
    );
  });

  test("are asked for again after a reset", async () => {
    const registry = await serve({ behaviour: first(1, reset) });
    registry.setManifest("a/web", "v1", "{}");
    expect(await clientOf(registry).listTags("a/web")).toEqual(["v1"]);
  });
});
