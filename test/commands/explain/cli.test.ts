import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Explanation } from "../../../commands/explain/explanation.ts";
import { enterCheckout } from "../../checkout.ts";
import { setUmask, writeFiles } from "../../folders.ts";
import { plannedProject, stateAfter } from "../../planned.ts";
import { type Ended, runTypeScript } from "../../run-typescript.ts";

const project = resolve(import.meta.dirname, "../../..");

beforeEach(() => {
  enterProject();
});

/** Goes to a copy of the project in which `pulumi` prints the file `state`. */
function enterProject(): void {
  enterCheckout();
  for (const file of ["Pulumi.yaml", "Pulumi.local.yaml"]) copyFileSync(join(project, file), file);
  writeFiles(".", {
    kubeconfig: "contexts: [{name: tinyolly}]",
    "bin/pulumi": "#!/bin/sh\nexec cat state\n",
  });
  chmodSync("bin/pulumi", 0o755);
}

function explain(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return runTypeScript("commands/explain/cli.ts", args, {
    PATH: `${resolve("bin")}:${process.env["PATH"] ?? ""}`,
    KUBECONFIG: resolve("kubeconfig"),
    PULUMI_OPTION_CONFIG_FILE: "Pulumi.local.yaml",
    TINYOLLY_OFFLINE: "1",
    TINYOLLY_BASE_LOCK: "bases.lock.yaml",
    ...env,
  });
}

/** What pulumi prints after a good `up` of the sources as they are. */
function writeState(): void {
  const resources = stateAfter(plannedProject({ kubeconfig: "kubeconfig" }));
  writeFileSync("state", JSON.stringify({ version: 3, deployment: { resources } }));
}

describe("explain", () => {
  test("takes everything for new where nobody is logged in, and warns", async () => {
    writeFiles(".", {
      "bin/pulumi":
        "#!/bin/sh\necho 'error: PULUMI_ACCESS_TOKEN must be set for login' >&2; exit 255\n",
      "bin/helm":
        "#!/bin/sh\nprintf '%s\\n' '# Source: chart/web.yaml' 'kind: Deployment' 'metadata: {name: web}'\n",
    });
    for (const program of ["pulumi", "helm"]) chmodSync(`bin/${program}`, 0o755);
    const { status, stdout } = await explain(["--json"]);
    expect(status).toBe(0);
    // The command's own JSON.
    const { warnings, items } = JSON.parse(stdout) as Explanation;
    expect(warnings.join()).toMatch(
      /^the state of stack "local" cannot be read: nobody is logged in .*; until then everything counts as new/,
    );
    expect(new Set(items.map(({ action }) => action))).toEqual(new Set(["create"]));
  });

  test("says that nothing changes, and exits with 0", async () => {
    writeState();
    expect(await explain(["--exit-code"])).toEqual({
      status: 0,
      stdout:
        "stack local: up would change nothing\n\n" +
        "unchanged: images python-base, tinyolly, webui, opamp-server, demo; " +
        "charts tinyolly, tinyolly-demos; applications tinyolly, tinyolly-demos\n\n" +
        "registry and cluster were not asked whether everything is still there\n",
      stderr: "",
    });
  });

  test("says what changes, and exits with 2 when it is told to", async () => {
    writeState();
    appendFileSync("apps/demo/backend.py", "\n");
    const { status, stdout } = await explain(["--exit-code", "--markdown"]);
    expect(status).toBe(2);
    expect(stdout).toMatch(
      /^### stack local: up would build 1 image, publish 1 chart, update 1 application\n/,
    );
    expect(stdout).toMatch(/\n~ source {2}apps\/demo\/backend\.py {2}\(\w{12} → \w{12}\)\n/);
  });

  test("says what a release would ship that its commit does not hold", async () => {
    copyFileSync(join(project, "Pulumi.prod.yaml"), "Pulumi.prod.yaml");
    writeFiles(".", {
      state: '{"version": 3, "deployment": {}}',
      ".gitignore": "*.tgz\n",
      "charts/tinyolly/extra-1.0.0.tgz": "",
    });
    execFileSync("git", ["init", "--quiet"]);
    execFileSync("git", ["add", "."]);
    const { stdout } = await explain(["--stack=prod"], {
      PULUMI_OPTION_CONFIG_FILE: "Pulumi.prod.yaml",
    });
    expect(stdout).toMatch(
      /\n- the commit does not hold all that is shipped: charts\/tinyolly\/extra-1\.0\.0\.tgz; /,
    );
  });

  test("writes a page in the place of the one before", async () => {
    writeState();
    for (let i = 0; i < 2; i++) expect((await explain(["--html", "page.html"])).status).toBe(0);
    expect(readFileSync("page.html", "utf8")).toContain("</html>");
  });

  test("says and saves the same in another folder, umask, locale and time zone", async () => {
    writeState();
    appendFileSync("apps/demo/backend.py", "\n");
    const args = ["--json", "--save", "plan.json"];
    const here = await explain(args, { LC_ALL: "C", TZ: "UTC" });
    const [state, plan] = ["state", "plan.json"].map((file) => readFileSync(file, "utf8"));

    setUmask(0o077);
    enterProject();
    writeFiles(".", { state: state ?? "" });
    appendFileSync("apps/demo/backend.py", "\n");
    const there = await explain(args, { LC_ALL: "tr_TR.UTF-8", TZ: "Pacific/Apia" });
    expect(there).toEqual(here);
    expect(readFileSync("plan.json", "utf8")).toBe(plan);
    expect(JSON.parse(here.stdout)).toMatchObject({ version: 4, stack: "local", checked: false });
  });
});

describe("explain refuses, in one line and with exit code 1,", () => {
  test.each<[what: string, args: readonly string[], message: RegExp]>([
    ["an unknown option", ["--jsn"], /^explain: Unknown option '--jsn'.*\n$/],
    [
      "a plan that cannot be saved",
      ["--save", "no/where.json"],
      /^explain: the plan cannot be saved: ENOENT: .* open 'no\/where\.json'; name another file\n$/,
    ],
    [
      "a page in the place of another file",
      ["--html", "package.json"],
      /^explain: package\.json is there already, and is no page of make explain; name another file\n$/,
    ],
    [
      "a page in the place of a folder",
      ["--html", "charts"],
      /^explain: charts cannot be read: .*\n$/,
    ],
  ])("%s", async (_, args, message) => {
    writeState();
    const before = readFileSync("package.json", "utf8");
    const { status, stdout, stderr } = await explain(args);
    expect(readFileSync("package.json", "utf8")).toBe(before);
    expect(stderr).toMatch(message);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  });

  test("wrong sources, whatever pulumi says later", async () => {
    writeFiles(".", {
      "bin/pulumi": "#!/bin/sh\nsleep 0.1; exit 1\n",
      "charts/tinyolly/Chart.yaml": "name: tinyolly\n",
    });
    expect(await explain([])).toEqual({
      status: 1,
      stdout: "",
      stderr:
        'explain: chart "tinyolly": the version in charts/tinyolly/Chart.yaml is missing; ' +
        "give a semantic version without build metadata, such as 0.1.1\n",
    });
  });
});
