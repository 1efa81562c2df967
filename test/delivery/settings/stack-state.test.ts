import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  listStacks,
  readStackState,
  readWholeState,
  requireStack,
} from "../../../delivery/settings/stack-state.ts";
import { enterFolderWith, writeFiles } from "../../folders.ts";

const web = {
  urn: "urn:pulumi:moon::tinyolly::tinyolly:index:Image::web",
  type: "tinyolly:index:Image",
  outputs: { tag: "v1" },
};

beforeEach(() => {
  const folder = enterFolderWith({});
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"] ?? ""}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Puts a `pulumi` on PATH that notes its arguments and does as the lines say. */
function pulumi(script: string, files: Readonly<Record<string, string>> = {}): void {
  writeFiles(".", { ...files, pulumi: `#!/bin/sh\necho "$@" > arguments\n${script}\n` });
  chmodSync("pulumi", 0o755);
}

function prints(state: unknown): void {
  pulumi("cat state", { state: JSON.stringify(state) });
}

describe("the state of a stack", () => {
  test("has the resources that pulumi exports, without waiting for anybody", async () => {
    prints({ version: 3, deployment: { manifest: {}, resources: [web] } });
    expect(await readStackState("moon")).toEqual([web]);
    expect(readFileSync("arguments", "utf8")).toBe("stack export --stack moon --non-interactive\n");
  });

  test("of a stack that was made and never brought up is empty", async () => {
    prints({ version: 3, deployment: { manifest: {} } });
    expect(await readStackState("moon")).toEqual([]);
  });

  test("of a stack that was never made is empty", async () => {
    pulumi("echo \"error: no stack named 'moon' found\" >&2; exit 255");
    expect(await readStackState("moon")).toEqual([]);
  });

  test("leaves out what a replacement has yet to delete", async () => {
    const old = { ...web, outputs: { tag: "v0" }, delete: true };
    prints({ deployment: { resources: [web, old] } });
    expect(await readStackState("moon")).toEqual([web]);
  });

  test("may be larger than what Node takes of a process unasked", async () => {
    prints({ deployment: { resources: [web] }, padding: "x".repeat(2 << 20) });
    expect(await readStackState("moon")).toEqual([web]);
  });
});

describe("the whole state of a stack", () => {
  test("has what a replacement left behind, and what was about to be made", async () => {
    const old = { ...web, outputs: { tag: "v0" }, delete: true };
    const next = { ...web, inputs: { tag: "v2" } };
    const pending_operations = [{ resource: next, type: "creating" }];
    prints({ version: 3, deployment: { resources: [web, old], pending_operations } });
    expect(await readWholeState("moon")).toEqual([web, old, next]);
    expect(await readStackState("moon")).toEqual([web]);
  });

  test("of a stack that is not there is refused", async () => {
    pulumi("echo \"error: no stack named 'moon' found\" >&2; exit 255");
    await expect(readWholeState("moon")).rejects.toThrow(
      new InputError(
        "the state of stack \"moon\" cannot be read: error: no stack named 'moon' found",
      ),
    );
  });
});

describe("a stack that is worked with", () => {
  test("is asked for by its name", async () => {
    pulumi("echo Current stack is moon:");
    await requireStack("moon");
    expect(readFileSync("arguments", "utf8")).toBe("stack --stack moon --non-interactive\n");
  });

  test("is there", async () => {
    pulumi("echo \"error: no stack named 'moon' found\" >&2; exit 255");
    await expect(requireStack("moon")).rejects.toThrow(
      new InputError('there is no stack "moon"; make it with: pulumi stack init moon'),
    );
  });
});

describe("the stacks of a backend", () => {
  test("are listed by name", async () => {
    prints([
      { name: "moon", current: true },
      { name: "org/sun", updateInProgress: false },
    ]);
    expect(await listStacks()).toEqual(["moon", "org/sun"]);
    expect(readFileSync("arguments", "utf8")).toBe("stack ls --json --non-interactive\n");
  });

  test.each<[what: string, script: string, message: string]>([
    [
      "pulumi says why",
      "echo 'error: not logged in' >&2; exit 255",
      "the stacks cannot be listed: error: not logged in",
    ],
    [
      "it prints something else",
      "echo '{}'",
      "pulumi stack ls --json printed no list; run it by hand to see what it says instead",
    ],
    [
      "one is being updated",
      `echo '[{"name": "sun"}, {"name": "moon", "updateInProgress": true}]'`,
      'stack "moon" is being updated now; wait until pulumi up has ended, or run pulumi cancel where none runs',
    ],
  ])("are refused where %s", async (_, script, message) => {
    pulumi(script);
    await expect(listStacks()).rejects.toThrow(new InputError(message));
  });
});

describe("a state that cannot be read is refused:", () => {
  const noState =
    "pulumi stack export --stack moon printed no state; run it by hand to see what it says instead";

  test.each<[what: string, script: string, message: string]>([
    [
      "pulumi says why",
      "echo 'error: passphrase must be set' >&2; exit 255",
      'the state of stack "moon" cannot be read: error: passphrase must be set',
    ],
    [
      "nobody is logged in",
      "echo 'error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions' >&2; exit 255",
      'the state of stack "moon" cannot be read: nobody is logged in to a backend; set PULUMI_BACKEND_URL, or run ' +
        "pulumi login (docs/releasing.md says where a state can be)",
    ],
    [
      "the folder of the backend is not there",
      `echo 'error: unable to open state directory "file:///there/pulumi": stat /there/pulumi: no such file' >&2; exit 255`,
      'the state of stack "moon" cannot be read: the folder of its backend is not there; start the platform with make ' +
        "platform-up, or set PULUMI_BACKEND_URL",
    ],
    ["something else than JSON", "echo a new version is available", noState],
    ["JSON of another form", "echo '{\"version\": 3}'", noState],
    ["no output", "true", noState],
  ])("%s", async (_, script, message) => {
    pulumi(script);
    await expect(readStackState("moon")).rejects.toThrow(new InputError(message));
  });

  test("pulumi is not on PATH", async () => {
    vi.stubEnv("PATH", join(process.cwd(), "nowhere"));
    await expect(readStackState("moon")).rejects.toThrow(
      new InputError(
        'pulumi is not on PATH; run eval "$(make -s env)" to use the platform\'s, or install it',
      ),
    );
  });

  test("pulumi ends without a word", async () => {
    pulumi("exit 3");
    await expect(readStackState("moon")).rejects.toThrow(
      'the state of stack "moon" cannot be read: Command failed: pulumi stack export',
    );
  });
});
