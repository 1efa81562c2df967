import { chmodSync, existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { readLocalState } from "../../../platform/pulumi/local-state.ts";
import { forgetUnfinished } from "../../../platform/pulumi/unfinished.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith, writeFiles } from "../../folders.ts";

let folder = "";
let settings: PlatformSettings;
let said: string[];

beforeEach(() => {
  folder = folderWith({});
  settings = readPlatformSettings({ TINYOLLY_STATE: join(folder, "state") });
  said = [];
});

const urn = (type: string, name: string): string => `urn:pulumi:local::tinyolly::${type}::${name}`;
const operation = (type: string, name: string) => ({
  resource: { urn: urn("tinyolly:index:Image$docker-build:index:Image", name) },
  type,
});

/** Puts a state in Pulumi's folder, and a Pulumi on PATH that exports it and keeps what it is given to import. */
function forget(pending: readonly object[], { exports = 0, imports = 0 } = {}): void {
  const deployment = { resources: [{ urn: urn("a:b:C", "c") }], pending_operations: pending };
  writeFiles(join(settings.state, "pulumi/.pulumi/stacks/tinyolly"), {
    "local.json": JSON.stringify({ version: 3, checkpoint: { latest: deployment } }),
  });
  const pulumi = [
    "#!/bin/sh",
    `cd "${folder}" && echo "$@" >>calls`,
    `if [ "$2" = export ]; then cat exported; exit ${exports}; fi`,
    `cat >imported; exit ${imports}`,
  ];
  writeFiles(folder, {
    exported: JSON.stringify({ version: 3, deployment }),
    "bin/pulumi": pulumi.join("\n"),
  });
  chmodSync(join(folder, "bin/pulumi"), 0o755);
  const path = [join(folder, "bin"), process.env["PATH"]].join(delimiter);
  forgetUnfinished(settings, (line) => said.push(line), { ...process.env, PATH: path });
}

const text = (name: string): string => readFileSync(join(folder, name), "utf8");

test("what a run had begun to create is taken from the state, all else stays, and it is said", () => {
  forget([operation("creating", "demo"), operation("updating", "webui")]);
  expect(text("calls")).toBe("stack export --stack local\nstack import --stack local\n");
  expect(JSON.parse(text("imported"))).toEqual({
    version: 3,
    deployment: {
      resources: [{ urn: urn("a:b:C", "c") }],
      pending_operations: [operation("updating", "webui")],
    },
  });
  expect(said).toEqual(["a run was cut off while it created Image demo; that is begun anew"]);
});

test("what a run had begun to change is left to Pulumi, which forgets it by itself", () => {
  forget([operation("updating", "webui"), operation("deleting", "demo")]);
  expect(existsSync(join(folder, "calls"))).toBe(false);
});

test("nothing is said where Pulumi does not take the state, as when somebody else has locked it", () => {
  forget([operation("creating", "demo")], { imports: 255 });
  expect(said).toEqual([]);
});

test("a state that cannot be exported stays as it is", () => {
  forget([operation("creating", "demo")], { exports: 255 });
  expect(existsSync(join(folder, "imported"))).toBe(false);
  expect(said).toEqual([]);
});

test("a stack that was never brought up has nothing", () => {
  expect(readLocalState(settings)).toEqual({ resources: [], pending: [] });
  forgetUnfinished(settings, (line) => said.push(line));
  expect(said).toEqual([]);
});
