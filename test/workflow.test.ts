import { describe, expect, test } from "vitest";
import { platformTools } from "../platform/tools/catalog.ts";
import { type Step, readActions, readWorkflows } from "./workflow.ts";

/** The least that each job of each workflow needs. */
const permissions = {
  "workflows/delivery.yml": {
    state: { contents: "read", "id-token": "write" },
    preview: { contents: "read", packages: "read" },
    comment: { "pull-requests": "write" },
    release: { contents: "read", packages: "write", "id-token": "write" },
  },
};

const workflows = readWorkflows();
const actions = readActions();
const steps: Step[] = [
  ...workflows.flatMap(({ content }) => Object.values(content.jobs).flatMap((job) => job.steps)),
  ...actions.flatMap(({ content }) => content.runs.steps),
];

test("jobs have the permissions that they need, and nothing else has any", () => {
  const found = workflows.map(({ file, content }) => [
    file,
    Object.fromEntries(Object.entries(content.jobs).map(([name, job]) => [name, job.permissions])),
  ]);
  expect(Object.fromEntries(found)).toEqual(permissions);
  expect(workflows.map(({ content }) => content.permissions)).toEqual(workflows.map(() => ({})));
});

describe.each([...workflows, ...actions])("$file", ({ text }) => {
  test("pins the actions of others to a commit, with its version beside it", () => {
    const uses = text.split("\n").filter((line) => /^\s*(?:- )?uses:/.test(line));
    const others = uses.filter((line) => !line.includes("uses: ./"));
    expect(others.length).toBeGreaterThan(0);
    for (const line of others)
      expect(line).toMatch(/uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });
});

test("every action of this project that is used is there", () => {
  const own = steps.flatMap(({ uses }) => (uses?.startsWith("./") === true ? [uses] : []));
  const files = actions.map(({ file }) => `./.github/${file.replace(/\/action\.ya?ml$/, "")}`);
  expect([...new Set(own)]).toEqual(files);
});

test("an action of others has one commit everywhere", () => {
  const pins = new Set(steps.flatMap(({ uses }) => (uses?.includes("@") === true ? [uses] : [])));
  const names = [...pins].map((pin) => pin.replace(/@.*/, ""));
  expect(names).toEqual([...new Set(names)]);
});

test("no script holds what somebody else may write", () => {
  const scripts = steps.flatMap(({ run }) => run ?? []);
  expect(scripts.length).toBeGreaterThan(0);
  // All that GitHub would put into the text; scripts take data from their environment.
  for (const script of scripts) expect(script).not.toContain("${{");
});

test("the code of a pull request never runs with the rights of the default branch", () => {
  for (const { content } of workflows)
    expect(Object.keys(content.on)).not.toContain("pull_request_target");
  const [delivery] = workflows;
  expect(delivery?.content.on).toEqual({ pull_request: null, push: { tags: ["v*.*.*"] } });
});

test("no checkout leaves a token behind", () => {
  const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@") === true);
  expect(checkouts.length).toBeGreaterThan(0);
  for (const checkout of checkouts)
    expect(checkout.with).toMatchObject({ "persist-credentials": false });
});

test("what may write to a pull request or reads the state runs none of its code", () => {
  const { state, comment } = workflows[0]?.content.jobs ?? {};
  const checkoutsOf = (of: readonly Step[] = []): unknown[] =>
    of.flatMap(({ uses, with: inputs }) =>
      uses?.startsWith("actions/checkout@") === true ? [inputs?.["ref"]] : [],
    );
  expect(checkoutsOf(state?.steps)).toEqual(["${{ github.event.pull_request.base.sha }}"]);
  expect(checkoutsOf(comment?.steps)).toEqual([]);
});

test("jobs with the code or the text of a pull request have no secret", () => {
  const { preview, comment } = workflows[0]?.content.jobs ?? {};
  expect(JSON.stringify([preview, comment])).not.toMatch(/\b(?:secrets|vars)\./);
});

test("every job ends", () => {
  for (const { content } of workflows)
    for (const [name, job] of Object.entries(content.jobs))
      expect(job["timeout-minutes"], name).toBeLessThanOrEqual(60);
});

test("a release takes the Helm and the BuildKit of the platform", () => {
  const version = (name: string): string =>
    platformTools.find((tool) => tool.name === name)?.version ?? "";
  const { release } = workflows[0]?.content.jobs ?? {};
  const helm = release?.steps.find(({ uses }) => uses?.startsWith("azure/setup-helm@"));
  expect(helm?.with).toEqual({ version: `v${version("helm")}` });
  const publish = release?.steps.find(({ name }) => name === "Publish")?.run;
  expect(publish).toContain(`image=moby/buildkit:v${version("buildkitd")}`);
});
