import { stripVTControlCharacters } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { ExplainedItem, Explanation } from "../../../commands/explain/explanation.ts";
import { inColours, renderMarkdown, renderText } from "../../../commands/explain/render.ts";
import type { Reason } from "../../../delivery/plan/reasons.ts";

type Kind = ExplainedItem["kind"];

function explanation(items: readonly ExplainedItem[], checked = true): Explanation {
  return { version: 4, stack: "local", items, checked, problems: [], warnings: [] };
}

function unchanged(kind: Kind, name: string): ExplainedItem {
  return { kind, name, action: "none", from: "v1", to: "v1", reasons: [] };
}

function updated(kind: Kind, name: string, reasons: readonly Reason[]): ExplainedItem {
  return { kind, name, action: "update", from: "v2.1.x-h1", to: "v2.1.x-h2", reasons };
}

const nothing = explanation([
  unchanged("image", "tinyolly"),
  unchanged("image", "webui"),
  unchanged("chart", "tinyolly"),
  unchanged("application", "tinyolly"),
]);

const oneFile = explanation([
  unchanged("image", "tinyolly"),
  updated("image", "webui", [
    {
      cause: "source",
      subject: "apps/tinyolly-ui/src/main.ts",
      from: "6e0a9f3d1c22",
      to: "91b7d0e5a4f8",
    },
  ]),
  updated("chart", "tinyolly", [
    {
      cause: "image-of-chart",
      subject: "webui.image",
      from: "webui 6e0a",
      to: "webui 91b7",
    },
  ]),
  updated("application", "tinyolly", [
    {
      cause: "chart-of-application",
      subject: "version",
      from: "0.1.1-v2.1.x-h1",
      to: "0.1.1-v2.1.x-h2",
    },
  ]),
]);

const everything = explanation(
  [
    {
      kind: "image",
      name: "python-base",
      action: "create",
      to: "v2.1.x-h7",
      reasons: [{ cause: "first-time", subject: "v2.1.x-h7" }],
    },
    updated("image", "tinyolly", [
      { cause: "tool-version", subject: "build recipe", from: "1", to: "2" },
      { cause: "source", subject: "apps/tinyolly/new.py", to: "6e0a9f3d1c22" },
      { cause: "source", subject: "apps/tinyolly/old.py", from: "91b7d0e5a4f8" },
      {
        cause: "base-moved",
        subject: "python:3.14-slim",
        from: `sha256:${"a".repeat(64)}`,
        to: `sha256:${"b".repeat(64)}`,
      },
      { cause: "settings", subject: "target", to: "" },
    ]),
    {
      kind: "image",
      name: "demo",
      action: "push",
      from: "v2.1.x-h3",
      to: "v2.1.x-h3",
      reasons: [
        {
          cause: "tag-moved",
          subject: `tinyolly/demo:v2.1.x-h3 moved in ghcr.io from sha256:${"c".repeat(64)} to sha256:${"d".repeat(64)}`,
        },
      ],
    },
    {
      kind: "image",
      name: "webui",
      action: "push",
      from: "v2.1.x-h4",
      to: "v2.1.x-h4",
      reasons: [
        {
          cause: "missing-image",
          subject: "linux/arm64 of tinyolly/webui:v2.1.x-h4 is not in ghcr.io",
        },
      ],
    },
    {
      kind: "application",
      name: "tinyolly",
      action: "push",
      from: "0.1.1",
      to: "0.1.1",
      reasons: [{ cause: "edited", subject: "spec.source.targetRevision is not as applied" }],
    },
    {
      kind: "chart",
      name: "old",
      action: "delete",
      from: "0.1.0",
      reasons: [{ cause: "removed", subject: "not in deliverables.ts any more" }],
    },
    unchanged("image", "opamp-server"),
    unchanged("chart", "tinyolly"),
    unchanged("chart", "tinyolly-demos"),
  ],
  false,
);

const object = { group: "apps", kind: "Deployment", name: "web", template: "templates/web.yaml" };

const foretold = explanation([
  {
    ...updated("image", "webui", [
      { cause: "source", subject: "apps/ui/a.ts", from: "1", to: "2" },
    ]),
    build: {
      ...{ sameDigest: false, seconds: 7.9, bytes: 29_000 },
      steps: [
        { name: "build: WORKDIR /src", fate: "unchanged", files: [] },
        { name: "build: COPY . .", fate: "runs", files: ["apps/ui/a.ts"] },
        { name: "build: RUN make", fate: "runs", files: [] },
        { name: "stage-1: COPY --from=build /dist /srv", fate: "open", files: [] },
      ],
    },
  },
  {
    ...updated("image", "demo", [{ cause: "source", subject: "apps/demo/test.py", to: "2" }]),
    build: { sameDigest: true, steps: [] },
  },
  {
    ...updated("application", "tinyolly", []),
    objects: [
      {
        ...{ ...object, kind: "StatefulSet", name: "db", fate: "refused", because: ["a.yaml"] },
        ...{ fields: [{ path: "spec.serviceName", from: "a", to: "b" }], cure: "take it back" },
      },
      {
        ...{ ...object, fate: "restart", because: ["apps/ui/a.ts"] },
        fields: [
          { path: "spec.image", from: "web@sha256:1", to: "web@<digest of webui>", open: true },
          { path: "spec.extra", to: { on: true } },
          { path: "spec.gone", from: "x" },
          { path: "spec.random", from: "y", open: true },
        ],
      },
      {
        ...object,
        kind: "Job",
        name: "load-",
        openName: true,
        fate: "create",
        because: [],
        fields: [],
      },
      { ...object, kind: "Service", fate: "labels", because: [], fields: [] },
    ],
    gaps: ["the cluster other was not asked what it takes"],
  },
]);

describe("as text", () => {
  test("the many objects of a first Application are counted", () => {
    const made = ["Service", "Service", "Deployment", "Service", "Deployment", "Secret"];
    const objects = made.map((kind, at) => {
      const one = { ...object, kind, name: `web-${at}`, fate: "create" as const };
      return { ...one, because: [], fields: [] };
    });
    const text = renderText(explanation([{ ...updated("application", "shop", []), objects }]));
    expect(text).toContain("    create   3 × Service, 2 × Deployment, Secret\n");
    const detailed = renderText(
      explanation([{ ...updated("application", "shop", []), objects }]),
      true,
    );
    expect(detailed).toContain("    create   Deployment web-2\n");
  });

  test("steps and objects, with fields when they are asked for", () => {
    expect(renderText(foretold)).toMatchInlineSnapshot(`
      "stack local: up would build 2 images, update 1 application, restart 1 workload

      build image webui  v2.1.x-h1 → v2.1.x-h2
          ~ source  apps/ui/a.ts  (1 → 2)
          2 of 4 steps run, from build: COPY . ., because of apps/ui/a.ts; 1 more, unless what they take stays
          about 7.9 s; nodes pull about 29 kB

      build image demo  v2.1.x-h1 → v2.1.x-h2
          + source  apps/demo/test.py  (2)
          no step of the image runs: its digest stays, and no pod restarts for it

      update application tinyolly  v2.1.x-h1 → v2.1.x-h2
          refused  StatefulSet db  spec.serviceName cannot change: take it back; a.yaml
          restart  Deployment web  apps/ui/a.ts
          create   Job load-…
          labels   1 more gets the version of the chart as a label
          the cluster other was not asked what it takes
      "
    `);
    expect(renderText(foretold, true)).toMatchInlineSnapshot(`
      "stack local: up would build 2 images, update 1 application, restart 1 workload

      build image webui  v2.1.x-h1 → v2.1.x-h2
          ~ source  apps/ui/a.ts  (1 → 2)
          2 of 4 steps run, from build: COPY . ., because of apps/ui/a.ts; 1 more, unless what they take stays
          about 7.9 s; nodes pull about 29 kB

      build image demo  v2.1.x-h1 → v2.1.x-h2
          + source  apps/demo/test.py  (2)
          no step of the image runs: its digest stays, and no pod restarts for it

      update application tinyolly  v2.1.x-h1 → v2.1.x-h2
          refused  StatefulSet db  spec.serviceName cannot change: take it back; a.yaml
            ~ spec.serviceName  (a → b)
          restart  Deployment web  apps/ui/a.ts
            ~ spec.image  (web@sha256:1 → web@<digest of webui>)
            + spec.extra  ({"on":true})
            - spec.gone  (x)
            ~ spec.random  (y → what only the build tells)
          create   Job load-…
          labels   1 more gets the version of the chart as a label
          the cluster other was not asked what it takes
      "
    `);
    expect(renderMarkdown(foretold)).toContain("! restart  Deployment web");
  });

  test("nothing changed", () => {
    expect(renderText(nothing)).toMatchInlineSnapshot(`
      "stack local: up would change nothing

      unchanged: images tinyolly, webui; chart tinyolly; application tinyolly
      "
    `);
  });

  test("one file changed", () => {
    expect(renderText(oneFile)).toMatchInlineSnapshot(`
      "stack local: up would build 1 image, publish 1 chart, update 1 application

      build image webui  v2.1.x-h1 → v2.1.x-h2
          ~ source  apps/tinyolly-ui/src/main.ts  (6e0a9f3d1c22 → 91b7d0e5a4f8)

      publish chart tinyolly  v2.1.x-h1 → v2.1.x-h2
          ~ image-of-chart  webui.image  (webui 6e0a → webui 91b7)

      update application tinyolly  v2.1.x-h1 → v2.1.x-h2
          ~ chart-of-application  version  (0.1.1-v2.1.x-h1 → 0.1.1-v2.1.x-h2)

      unchanged: image tinyolly
      "
    `);
  });

  test("one of each thing that can be done", () => {
    expect(renderText(everything)).toMatchInlineSnapshot(`
      "stack local: up would build 2 images, push 2 images again, apply 1 application again, forget 1 chart

      build image python-base  v2.1.x-h7
          + first-time  v2.1.x-h7

      build image tinyolly  v2.1.x-h1 → v2.1.x-h2
          ~ tool-version  build recipe  (1 → 2)
          + source        apps/tinyolly/new.py  (6e0a9f3d1c22)
          - source        apps/tinyolly/old.py  (91b7d0e5a4f8)
          ~ base-moved    python:3.14-slim  (sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb)
          + settings      target  ("")

      push image demo again  v2.1.x-h3
          ! tag-moved  tinyolly/demo:v2.1.x-h3 moved in ghcr.io from sha256:cccccccccccc to sha256:dddddddddddd

      push image webui again  v2.1.x-h4
          ! missing-image  linux/arm64 of tinyolly/webui:v2.1.x-h4 is not in ghcr.io

      apply application tinyolly again  0.1.1
          ! edited  spec.source.targetRevision is not as applied

      forget chart old  0.1.0
          - removed  not in deliverables.ts any more

      unchanged: image opamp-server; charts tinyolly, tinyolly-demos

      registry and cluster were not asked whether everything is still there
      "
    `);
  });
});

describe("a release that is refused", () => {
  const problems = ['chart "tinyolly" is taken'];

  test("is refused first of all, and is told why at the end", () => {
    const release: ExplainedItem = {
      ...{ kind: "release", name: "release", action: "update", from: "v2.1.8", to: "v2.1.9" },
      reasons: [{ cause: "settings", subject: "release", from: "v2.1.8", to: "v2.1.9" }],
    };
    expect(renderText({ ...explanation([release]), problems })).toBe(
      "stack local: up is refused for what stands at the end; otherwise it would record 1 release\n\n" +
        "record release  v2.1.8 → v2.1.9\n    ~ settings  release  (v2.1.8 → v2.1.9)\n\n" +
        'the release is refused:\n- chart "tinyolly" is taken\n',
    );
    const same: ExplainedItem = { ...release, action: "none", reasons: [] };
    expect(renderText(explanation([same]))).toBe(
      "stack local: up would change nothing\n\nunchanged: release\n",
    );
  });

  test("has no version, so that those of development are shown", () => {
    expect(renderText({ ...explanation([]), problems })).toMatch(
      /\n\nversions are those of development, since no release can be made:\n- chart "tinyolly" is taken\n$/,
    );
  });
});

test("what may still fail is said at the end", () => {
  const warnings = ['chart "tinyolly" holds an image that is built again'];
  expect(renderText({ ...explanation([]), warnings })).toBe(
    "stack local: up would change nothing\n\n" +
      'warning: chart "tinyolly" holds an image that is built again\n',
  );
});

describe("as Markdown", () => {
  test("nothing changed", () => {
    expect(renderMarkdown(nothing)).toMatchInlineSnapshot(`
      "### stack local: up would change nothing

      unchanged: images \`tinyolly\`, \`webui\`; chart \`tinyolly\`; application \`tinyolly\`
      "
    `);
  });

  test("one file changed", () => {
    expect(renderMarkdown(oneFile)).toMatchInlineSnapshot(`
      "### stack local: up would build 1 image, publish 1 chart, update 1 application

      | what | version | why |
      | --- | --- | --- |
      | build image \`webui\` | \`v2.1.x-h1\` → \`v2.1.x-h2\` | \`source\` |
      | publish chart \`tinyolly\` | \`v2.1.x-h1\` → \`v2.1.x-h2\` | \`image-of-chart\` |
      | update application \`tinyolly\` | \`v2.1.x-h1\` → \`v2.1.x-h2\` | \`chart-of-application\` |

      <details><summary>image <code>webui</code></summary>

      \`\`\`diff
      ~ source  apps/tinyolly-ui/src/main.ts  (6e0a9f3d1c22 → 91b7d0e5a4f8)
      \`\`\`

      </details>

      <details><summary>chart <code>tinyolly</code></summary>

      \`\`\`diff
      ~ image-of-chart  webui.image  (webui 6e0a → webui 91b7)
      \`\`\`

      </details>

      <details><summary>application <code>tinyolly</code></summary>

      \`\`\`diff
      ~ chart-of-application  version  (0.1.1-v2.1.x-h1 → 0.1.1-v2.1.x-h2)
      \`\`\`

      </details>

      unchanged: image \`tinyolly\`
      "
    `);
  });

  test("one of each thing that can be done", () => {
    expect(renderMarkdown(everything)).toMatchInlineSnapshot(`
      "### stack local: up would build 2 images, push 2 images again, apply 1 application again, forget 1 chart

      | what | version | why |
      | --- | --- | --- |
      | build image \`python-base\` | \`v2.1.x-h7\` | \`first-time\` |
      | build image \`tinyolly\` | \`v2.1.x-h1\` → \`v2.1.x-h2\` | \`tool-version\`, \`source\`, \`base-moved\`, \`settings\` |
      | push image \`demo\` again | \`v2.1.x-h3\` | \`tag-moved\` |
      | push image \`webui\` again | \`v2.1.x-h4\` | \`missing-image\` |
      | apply application \`tinyolly\` again | \`0.1.1\` | \`edited\` |
      | forget chart \`old\` | \`0.1.0\` | \`removed\` |

      <details><summary>image <code>python-base</code></summary>

      \`\`\`diff
      + first-time  v2.1.x-h7
      \`\`\`

      </details>

      <details><summary>image <code>tinyolly</code></summary>

      \`\`\`diff
      ~ tool-version  build recipe  (1 → 2)
      + source        apps/tinyolly/new.py  (6e0a9f3d1c22)
      - source        apps/tinyolly/old.py  (91b7d0e5a4f8)
      ~ base-moved    python:3.14-slim  (sha256:aaaaaaaaaaaa → sha256:bbbbbbbbbbbb)
      + settings      target  ("")
      \`\`\`

      </details>

      <details><summary>image <code>demo</code></summary>

      \`\`\`diff
      ! tag-moved  tinyolly/demo:v2.1.x-h3 moved in ghcr.io from sha256:cccccccccccc to sha256:dddddddddddd
      \`\`\`

      </details>

      <details><summary>image <code>webui</code></summary>

      \`\`\`diff
      ! missing-image  linux/arm64 of tinyolly/webui:v2.1.x-h4 is not in ghcr.io
      \`\`\`

      </details>

      <details><summary>application <code>tinyolly</code></summary>

      \`\`\`diff
      ! edited  spec.source.targetRevision is not as applied
      \`\`\`

      </details>

      <details><summary>chart <code>old</code></summary>

      \`\`\`diff
      - removed  not in deliverables.ts any more
      \`\`\`

      </details>

      unchanged: image \`opamp-server\`; charts \`tinyolly\`, \`tinyolly-demos\`

      registry and cluster were not asked whether everything is still there
      "
    `);
  });
});

describe("names that mean more than themselves", () => {
  const odd = explanation([
    updated("image", "a|b `c` </details>", [
      { cause: "source", subject: "apps/a|b", to: "1" },
      { cause: "source", subject: "apps/</details><script>", to: "2" },
      { cause: "source", subject: "apps/```\n```\n# heading", to: "3" },
      { cause: "source", subject: "apps/\u001b[2Jcleared\u202etxt.exe", to: "4" },
      { cause: "build-arg", subject: "**B** [x](y) _z_", from: "a\r\nb", to: "$& $1" },
    ]),
    unchanged("chart", "__init__ | *all*"),
  ]);

  test("stay on their line of the text, without commands for the terminal", () => {
    expect(renderText(odd)).toMatchInlineSnapshot(`
      "stack local: up would build 1 image

      build image a|b \`c\` </details>  v2.1.x-h1 → v2.1.x-h2
          + source     apps/a|b  (1)
          + source     apps/</details><script>  (2)
          + source     apps/\`\`\`\\u{a}\`\`\`\\u{a}# heading  (3)
          + source     apps/\\u{1b}[2Jcleared\\u{202e}txt.exe  (4)
          ~ build-arg  **B** [x](y) _z_  (a\\u{d}\\u{a}b → $& $1)

      unchanged: chart __init__ | *all*
      "
    `);
  });

  test("break neither the table nor the details of Markdown", () => {
    expect(renderMarkdown(odd)).toMatchInlineSnapshot(`
      "### stack local: up would build 1 image

      | what | version | why |
      | --- | --- | --- |
      | build image <code>a&#124;b &#96;c&#96; &#60;/details&#62;</code> | \`v2.1.x-h1\` → \`v2.1.x-h2\` | \`source\`, \`build-arg\` |

      <details><summary>image <code>a&#124;b &#96;c&#96; &#60;/details&#62;</code></summary>

      \`\`\`diff
      + source     apps/a|b  (1)
      + source     apps/</details><script>  (2)
      + source     apps/\`\`\`\\u{a}\`\`\`\\u{a}# heading  (3)
      + source     apps/\\u{1b}[2Jcleared\\u{202e}txt.exe  (4)
      ~ build-arg  **B** [x](y) _z_  (a\\u{d}\\u{a}b → $& $1)
      \`\`\`

      </details>

      unchanged: chart <code>&#95;&#95;init&#95;&#95; &#124; &#42;all&#42;</code>
      "
    `);
  });
});

describe("too many to be read", () => {
  const reasons = Array.from({ length: 25 }, (_, i): Reason => ({
    cause: "source",
    subject: `apps/web/${i}.html`,
    to: "1".repeat(12),
  }));

  test("reasons are cut after twenty", () => {
    const text = renderText(explanation([updated("image", "web", reasons)]));
    expect(text.match(/source/g)).toHaveLength(20);
    expect(text).toContain("    + source  apps/web/19.html  (111111111111)\n      and 5 more\n");
  });

  test("a long value is cut", () => {
    const to = JSON.stringify({ text: "x".repeat(1000) });
    const text = renderText(
      explanation([updated("application", "web", [{ cause: "settings", subject: "values", to }])]),
    );
    expect(text).toContain(`+ settings  values  ({"text":"${"x".repeat(151)}…)\n`);
  });

  test("Markdown of 400 images with all their reasons fits a comment on GitHub", () => {
    const items = Array.from({ length: 400 }, (_, i) => updated("image", `image-${i}`, reasons));
    const markdown = renderMarkdown(explanation([...items, unchanged("image", "other")]));
    expect(markdown.length).toBeGreaterThan(50_000);
    expect(markdown.length).toBeLessThan(65_536);
    expect(markdown).toContain("| and 300 more | | |\n");
    expect(markdown).toMatch(
      /\n<\/details>\n\nThe reasons of \d+ more did not fit\.\n\nunchanged: image `other`\n$/,
    );
    expect(markdown.match(/<details>/g)).toHaveLength(markdown.match(/<\/details>/g)?.length ?? 0);
  });

  test("Markdown of 10,000 unchanged images fits a comment on GitHub", () => {
    const items = Array.from({ length: 10_000 }, (_, i) => unchanged("image", `image-${i}`));
    expect(renderMarkdown(explanation(items)).length).toBeLessThan(65_536);
  });
});

describe("in a terminal, an explanation", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  test("has its deeds, signs and fates in colour, and no other text", () => {
    vi.stubEnv("NO_COLOR", undefined);
    vi.stubEnv("FORCE_COLOR", "1");
    const text =
      "build image demo\n    + source  a\n    restart  Deployment demo\n    3 of 4 steps run\n";
    const coloured = inColours(text);
    expect(stripVTControlCharacters(coloured)).toBe(text);
    const marked = [...coloured.matchAll(/\u001B\[\d+m(\S+?)\u001B\[39m/g)].map(([, word]) => word);
    expect(marked).toEqual(["build", "+", "restart"]);
  });

  test("has none where nobody sees them", () => {
    vi.stubEnv("FORCE_COLOR", undefined);
    vi.stubEnv("NO_COLOR", "1");
    expect(inColours("build image demo\n")).toBe("build image demo\n");
  });
});
