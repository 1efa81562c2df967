import { describe, expect, test } from "vitest";
import type { ExplainedItem, Explanation } from "../../../commands/explain/explanation.ts";
import { renderPage } from "../../../commands/explain/page.ts";

const image: ExplainedItem = {
  ...{ kind: "image", name: "webui", action: "update", from: "v1", to: "v2" },
  reasons: [{ cause: "source", subject: "apps/ui/<a>.ts", from: "1", to: "2" }],
  build: {
    sameDigest: false,
    steps: [{ name: "build: COPY . .", fate: "runs", files: ["apps/ui/<a>.ts"] }],
  },
};
const chart: ExplainedItem = {
  ...{ kind: "chart", name: "shop", action: "update", from: "1", to: "2" },
  reasons: [{ cause: "image-of-chart", subject: "webui.image", from: "webui 1", to: "webui 2" }],
};
const object = { group: "", namespace: "shop", template: "templates/a.yaml", fields: [] };
const application: ExplainedItem = {
  ...{ kind: "application", name: "shop", action: "update", from: "1", to: "2" },
  reasons: [{ cause: "chart-of-application", subject: "version", from: "1", to: "2" }],
  objects: [
    { ...object, kind: "Deployment", name: "web", fate: "restart", because: ["apps/ui/<a>.ts"] },
    { ...object, kind: "Service", name: "web", fate: "labels", because: [] },
  ],
};
const explanation: Explanation = {
  ...{ version: 4, stack: "local", checked: true, problems: ["no & tag"], warnings: [] },
  items: [image, chart, application],
};

/** Cards of a page by their titles, with the titles of those that lead to them. */
function edges(page: string): Record<string, string[]> {
  const cards = [
    ...page.matchAll(
      /<article id="([^"]+)" class="(\w+)" tabindex="0" data-from="([^"]*)".*?<strong>(.*?)<\/strong>/g,
    ),
  ];
  const title = (wanted: string): string => cards.find(([, id]) => id === wanted)?.[4] ?? wanted;
  return Object.fromEntries(
    cards.map(([, , fate, from = "", name]) => [
      `${fate ?? ""} ${name ?? ""}`,
      from.split(" ").filter(Boolean).map(title),
    ]),
  );
}

describe("the page of an explanation", () => {
  const page = renderPage(explanation, "up would build <1> image");

  test("has a card for each thing, and an edge for each cause", () => {
    expect(edges(page)).toEqual({
      "update apps/ui/&#60;a&#62;.ts": [],
      "update webui": ["apps/ui/&#60;a&#62;.ts"],
      "update shop": ["shop"],
      "restart Deployment web": ["shop"],
      "labels 1 object": ["shop"],
    });
    expect(page).toContain("1 of 1 step runs, from build: COPY . .");
  });

  test("needs no network, and takes text as text", () => {
    expect(page).not.toMatch(/(?:src|href)=|url\(|@import|https?:(?!\/\/www\.w3\.org\/2000\/svg)/);
    expect(page).toContain("<h1>up would build &#60;1&#62; image</h1>");
    expect(page).toContain("<li>no &#38; tag</li>");
    expect(renderPage({ ...explanation, items: [] }, "‮")).toContain("<h1>\\u{202e}</h1>");
  });
});
