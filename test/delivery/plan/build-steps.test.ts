import { describe, expect, test } from "vitest";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import {
  type BuildStep,
  type BuildStepArgs,
  buildSteps,
} from "../../../delivery/plan/build-steps.ts";
import { type StepMemory, stepFates } from "../../../delivery/plan/step-fates.ts";

const dockerfile = `ARG VERSION=1
FROM --platform=$BUILDPLATFORM node:24 AS source
WORKDIR /src
COPY package.json ./
RUN --mount=type=cache,target=/root/.npm npm ci
COPY . .

FROM source AS test
RUN npm test

FROM source AS build
ARG MODE=fast
ENV NODE_ENV=production
RUN npm run build

FROM nginx:1
LABEL title="web"
COPY conf/*.conf /etc/
COPY --from=build /src/dist /srv
USER 101
`;

const contents: Readonly<Record<string, string>> = {
  "package.json": "{}",
  "src/app.ts": "app",
  "conf/a.conf": "a",
  "conf/deep/b.conf": "b",
  "README.md": "read",
};

function args(
  files: Readonly<Record<string, string>> = contents,
  more: Partial<BuildStepArgs> = {},
): BuildStepArgs {
  return {
    dockerfile: { path: "Dockerfile", text: dockerfile },
    target: undefined,
    buildArgs: {},
    platforms: ["linux/amd64"],
    files: Object.entries(files).map(([path, text]) => ({
      ...{ path, kind: "file" as const, digest: sha256(text) },
    })),
    bases: new Map([
      ["node:24", "sha256:1"],
      ["nginx:1", "sha256:2"],
    ]),
    key: "key",
    ...more,
  };
}

const withText = (change: (text: string) => string): BuildStepArgs =>
  args(contents, { dockerfile: { path: "Dockerfile", text: change(dockerfile) } });

/** Steps that run or may run after an edit, as `fate name`; and whether the image may become another one. */
function after(now: BuildStepArgs, before = args()): { fates: string[]; changes: boolean } {
  const [old, next] = [buildSteps(before), buildSteps(now)];
  const known = Object.fromEntries(old.steps?.map(({ name, own }) => [name, own]) ?? []);
  const fates = stepFates(next.steps ?? [], { last: known }, new Set()).filter(
    ({ fate }) => fate !== "unchanged",
  );
  return {
    fates: fates.map(({ fate, name }) => `${fate} ${name}`),
    changes: old.result !== next.result,
  };
}

test("the steps of an image are those that its last stage needs, each after those that it stands on", () => {
  expect(buildSteps(args()).steps?.map(({ name }) => name)).toEqual([
    "FROM nginx:1",
    "stage-3: COPY conf/*.conf /etc/",
    "FROM node:24",
    "source: WORKDIR /src",
    "source: COPY package.json ./",
    "source: RUN npm ci",
    "source: COPY . .",
    "build: RUN npm run build",
    "stage-3: COPY --from=build /src/dist /srv",
  ]);
  expect(buildSteps(args(contents, { target: "test" })).steps?.at(-1)?.name).toBe(
    "test: RUN npm test",
  );
});

describe("after an edit", () => {
  const built = ["runs source: COPY . .", "runs build: RUN npm run build"];
  const taken = "open stage-3: COPY --from=build /src/dist /srv";
  const everything = [
    "runs source: WORKDIR /src",
    "runs source: COPY package.json ./",
    "runs source: RUN npm ci",
    ...built,
    taken,
  ];

  test.each<[what: string, now: BuildStepArgs, fates: string[], changes: boolean]>([
    ["of nothing", args(), [], false],
    ["of a source", args({ ...contents, "src/app.ts": "other" }), [...built, taken], true],
    [
      "of the list of packages",
      args({ ...contents, "package.json": "[]" }),
      everything.slice(1),
      true,
    ],
    [
      "of a file that two steps take",
      args({ ...contents, "conf/a.conf": "other" }),
      [
        "runs stage-3: COPY conf/*.conf /etc/",
        ...built,
        "runs stage-3: COPY --from=build /src/dist /srv",
      ],
      true,
    ],
    [
      "of a base",
      args(contents, {
        bases: new Map([
          ["node:24", "sha256:3"],
          ["nginx:1", "sha256:2"],
        ]),
      }),
      everything,
      true,
    ],
    ["of a comment in the Dockerfile", withText((text) => `# hello\n${text}`), [], false],
    [
      "of a stage that nobody takes",
      withText((text) => text.replace("npm test", "npm run check")),
      [],
      false,
    ],
    ["of a label", withText((text) => text.replace('"web"', '"site"')), [], true],
    ["of the user", withText((text) => text.replace("101", "102")), [], true],
    [
      "of a command",
      withText((text) => text.replace("run build", "run make")),
      ["runs build: RUN npm run make", taken],
      true,
    ],
    [
      "of a variable",
      withText((text) => text.replace("production", "test")),
      ["runs build: RUN npm run build", taken],
      true,
    ],
    [
      "of an argument that a command sees",
      args(contents, { buildArgs: { MODE: "slow" } }),
      ["runs build: RUN npm run build", taken],
      true,
    ],
    [
      "of an argument that nobody declares",
      args(contents, { buildArgs: { OTHER: "1" } }),
      [],
      false,
    ],
    [
      "of the order of two steps",
      withText((text) => text.replace(/(COPY package.*\n)(RUN .*\n)/, "$2$1")),
      ["runs source: RUN npm ci", "runs source: COPY package.json ./", ...built, taken],
      true,
    ],
  ])("%s", (_, now, fates, changes) => {
    expect(after(now)).toEqual({ fates, changes });
  });

  test.each<[what: string, text: string]>([
    ["a heredoc", "RUN <<EOF\necho one\nEOF"],
    ["a file in the Dockerfile", "COPY <<EOF /etc/motd\none\nEOF"],
    ["a mount of the context", "RUN --mount=type=bind,source=conf,target=/conf echo one"],
    ["a list of words", 'COPY ["conf/a.conf", "/one/"]'],
  ])("of %s", (_, step) => {
    const before = withText((text) => `${text}${step}\n`);
    const now = withText((text) => `${text}${step.replace("one", "two")}\n`);
    expect(after(now, before).fates).toHaveLength(1);
    expect(after(before, before).fates).toEqual([]);
  });

  test("of a file that is mounted, and of one beside it", () => {
    const mount = (text: string): string =>
      `${text}RUN --mount=type=bind,source=conf,target=/c true\n`;
    const before = withText(mount);
    const now = (files: Readonly<Record<string, string>>): BuildStepArgs => ({
      ...before,
      files: args({ ...contents, ...files }).files,
    });
    const last = "runs stage-3: RUN --mount=type=bind,source=conf,target=/c true";
    expect(after(now({ "conf/deep/b.conf": "x" }), before).fates).toContain(last);
    expect(after(now({ "README.md": "x" }), before).fates).not.toContain(last);
  });
});

test("what only a build learns is open", () => {
  const before = withText(
    (text) => `${text}ADD https://example.test/x /x\nRUN true\nCOPY --from=busybox /bin/sh /sh\n`,
  );
  expect(after(before, before).fates).toEqual([
    "open stage-3: ADD https://example.test/x /x",
    "open stage-3: RUN true",
    "open stage-3: COPY --from=busybox /bin/sh /sh",
  ]);
  const moving = args(contents, {
    bases: new Map([
      ["node:24", "sha256:1"],
      ["nginx:1", ""],
    ]),
  });
  expect(after(moving, moving).fates).toEqual([
    "open stage-3: COPY conf/*.conf /etc/",
    "open stage-3: COPY --from=build /src/dist /srv",
  ]);
});

test("steps of another frontend are not known, and its image is decided by all of it", () => {
  const own = {
    dockerfile: { path: "Dockerfile", text: `# syntax=example.test/other\n${dockerfile}` },
  };
  expect(buildSteps(args(contents, own))).toEqual({
    ...{ steps: undefined, layers: [], result: "key" },
  });
  const usual = {
    dockerfile: { path: "Dockerfile", text: `# syntax=docker/dockerfile:1\n${dockerfile}` },
  };
  expect(buildSteps(args(contents, usual)).steps).toHaveLength(9);
});

test("the layers of an image are the steps of its own files, after its base", () => {
  expect(buildSteps(args()).layers).toEqual([
    "stage-3: COPY conf/*.conf /etc/",
    "stage-3: COPY --from=build /src/dist /srv",
  ]);
  const scratch = withText((text) => text.replace("FROM nginx:1", "FROM scratch"));
  expect(buildSteps(scratch).layers).toHaveLength(2);
  expect(buildSteps(withText(() => "FROM nginx:1\nUSER 1\n")).layers).toEqual([]);
});

test("two steps with one text have two names", () => {
  const { steps = [] } = buildSteps(withText((text) => `${text}RUN true\nRUN true\n`));
  expect(steps.slice(-2).map(({ name }) => name)).toEqual([
    "stage-3: RUN true",
    "stage-3: RUN true (2)",
  ]);
});

describe("where the builder tells what it has", () => {
  const edited = args({ ...contents, "src/app.ts": "other" });
  const last = Object.fromEntries(
    buildSteps(args()).steps?.map(({ name, own }) => [name, own]) ?? [],
  );

  /** Steps that run or may run, as `fate name`. */
  function told(
    now: BuildStepArgs,
    holds: StepMemory["holds"],
    known = new Set(buildSteps(args()).steps?.flatMap(({ own, chain }) => [own, chain])),
  ): string[] {
    return stepFates(
      buildSteps(now).steps ?? [],
      { last, builder: { knows: (hash) => known.has(hash), holds } },
      new Set(),
    )
      .filter(({ fate }) => fate !== "unchanged")
      .map(({ fate, name }) => `${fate} ${name}`);
  }

  const chains = (of: BuildStepArgs): ReadonlySet<string> =>
    new Set(buildSteps(of).steps?.map(({ chain }) => chain));

  test("an edit that was built before runs nothing", () => {
    const both = new Set([...chains(args()), ...chains(edited)]);
    expect(told(edited, ({ chain }) => both.has(chain))).toEqual([]);
  });

  test("what another edit needs besides runs", () => {
    const both = new Set([...chains(args()), ...chains(edited)]);
    const more = args({ ...contents, "src/app.ts": "other", "conf/a.conf": "b" });
    expect(told(more, ({ chain }) => both.has(chain))).toEqual([
      "runs stage-3: COPY conf/*.conf /etc/",
      "runs source: COPY . .",
      "runs build: RUN npm run build",
      "runs stage-3: COPY --from=build /src/dist /srv",
    ]);
  });

  test("all of an empty builder runs", () => {
    expect(told(args(), () => false).map((one) => one.split(" ")[0])).toEqual(
      Array.from({ length: 7 }, () => "runs"),
    );
  });

  test("a step that is gone runs only where the image needs what it gave", () => {
    const without = (part: string) => (step: BuildStep) => !step.name.includes(part);
    expect(told(args(), without("npm run build"))).toEqual([]);
    expect(told(args(), without("--from=build"))).toEqual([
      "runs stage-3: COPY --from=build /src/dist /srv",
    ]);
    expect(
      told(edited, ({ name, chain }) =>
        name.includes("npm ci") ? false : chains(args()).has(chain) || undefined,
      ),
    ).toEqual([
      "runs source: RUN npm ci",
      "runs source: COPY . .",
      "runs build: RUN npm run build",
      "open stage-3: COPY --from=build /src/dist /srv",
    ]);
  });

  test("what it does not tell goes by the last build", () => {
    expect(told(args(), () => undefined)).toEqual([]);
    expect(told(edited, () => undefined)).toContain("runs build: RUN npm run build");
  });
});
