// Where credentials of a registry may be, and where they never are: each way to give them publishes a release with signatures, and then
// everything that was written, told or started is searched for them.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { small } from "../../commands/rehearse/product.ts";
import { type Ran, Stage } from "../../commands/rehearse/stage.ts";
import { rehearsalToken } from "../../platform/ghcr/accounts.ts";
import { storageFolder } from "../../platform/ghcr/servers.ts";
import { readPlatformSettings } from "../../platform/settings.ts";
import { enterReleaseTools } from "../../platform/tools/release-tools.ts";

const work = mkdtempSync(join(tmpdir(), "tinyolly-credentials-"));
const settings = readPlatformSettings();
const token = rehearsalToken(settings, "writer");
const release = "v2.1.8";

beforeAll(() => enterReleaseTools());

afterAll(() => {
  rmSync(work, { recursive: true, force: true });
});

/** The forms in which a secret could be somewhere. */
function formsOf(secret: string): string[] {
  const users = ["token", "olly", "x-access-token"];
  const pairs = users.map((user) => Buffer.from(`${user}:${secret}`).toString("base64"));
  return [secret, Buffer.from(secret).toString("base64").replace(/=+$/, ""), ...pairs];
}

/** What the token service makes of a token. */
const bearer = /eyJ[\w-]{10,}\.eyJ[\w-]{20,}\.[\w-]{20,}/;

/** Files below a folder that hold a secret, also where they are compressed. */
function filesWith(folder: string, secrets: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const file = join(entry.parentPath, entry.name);
    if (!entry.isFile()) return [];
    const bytes = readFileSync(file);
    const texts = [bytes, unpacked(bytes)].map((one) => one.toString("latin1"));
    const found = texts.some(
      (text) => secrets.some((secret) => text.includes(secret)) || bearer.test(text),
    );
    return found ? [file] : [];
  });
}

function unpacked(bytes: Buffer): Buffer {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return Buffer.alloc(0);
  try {
    return gunzipSync(bytes);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Watches the arguments of all processes while `body` runs. Resolves to those that hold a secret, and to all that were seen. */
async function watchArguments(
  secrets: readonly string[],
  body: () => Promise<void>,
): Promise<{ found: readonly string[]; seen: readonly string[] }> {
  const seen = new Set<string>();
  const timer = setInterval(() => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
      seen.add(commandLine(pid));
  }, 20);
  try {
    await body();
  } finally {
    clearInterval(timer);
  }
  const found = [...seen].filter(
    (line) => secrets.some((secret) => line.includes(secret)) || bearer.test(line),
  );
  return { found, seen: [...seen] };
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch {
    // It has ended.
    return "";
  }
}

/** A way to give credentials. */
interface Way {
  readonly name: string;
  /** Prepares the stage, and returns the environment of commands. */
  readonly prepare: (stage: Stage, home: string) => NodeJS.ProcessEnv;
  /** The user's own file in which the credentials are. */
  readonly own?: string;
}

/** Without what the stage gives by itself. */
const none = {
  ...{ TINYOLLY_REGISTRY_TOKEN: undefined, TINYOLLY_REGISTRY_HOST: undefined },
  ...{
    DOCKER_CONFIG: undefined,
    HELM_REGISTRY_CONFIG: undefined,
    TINYOLLY_DOCKER_CONFIG: undefined,
  },
};

const ways: readonly Way[] = [
  { name: "the environment", prepare: () => ({}) },
  {
    name: "the encrypted configuration",
    prepare: (stage) => {
      const args = ["config", "set", "--secret", "registryToken", "--stack", "prod"];
      stage.mustRun("sh", [
        "-c",
        `printf %s "$TINYOLLY_REGISTRY_TOKEN" | pulumi ${args.join(" ")}`,
      ]);
      stage.commit("A token");
      return none;
    },
  },
  {
    name: "docker login",
    own: ".docker/config.json",
    prepare: (stage, home) => {
      const auth = Buffer.from(`olly:${token}`).toString("base64");
      mkdirSync(join(home, ".docker"));
      writeFileSync(
        join(home, ".docker/config.json"),
        JSON.stringify({ auths: { [stage.registry]: { auth } } }),
      );
      return none;
    },
  },
];

describe.each(ways.map((way) => [way.name, way] as const))("a token in %s", (name, way) => {
  const folder = join(work, name.replaceAll(" ", "-"));
  const home = join(folder, "home");
  const stage = new Stage({
    ...{ settings, product: small, folder: join(folder, "stage") },
    namespace: `credentials/${name.replaceAll(" ", "-")}`,
    changes: { deploy: false },
  });
  const said: string[] = [];
  let started: Awaited<ReturnType<typeof watchArguments>> = { found: [], seen: [] };
  const secrets = [...formsOf(token), ...formsOf(stage.keyPassword)];

  beforeAll(async () => {
    stage.build();
    for (const made of [home, join(folder, "tmp")]) mkdirSync(made);
    const env = {
      ...way.prepare(stage, home),
      ...{ HOME: home, TMPDIR: join(folder, "tmp"), PULUMI_LOG_FLOW: "true" },
    };
    stage.tag(release);
    const run = async (script: string, ...args: string[]): Promise<Ran> => {
      const options = ["--platform", "--stack", "prod"];
      const command = [script, ...args, ...options];
      const ran = await stage.start("node", command, env);
      said.push(ran.output);
      return ran;
    };
    started = await watchArguments(secrets, async () => {
      const up = await run("commands/release/cli.ts", "up");
      expect(up.output).toContain("release v2.1.8 is recorded as");
      expect(up.status).toBe(0);
      const file = join(folder, "release.tar");
      for (const args of [["list"], ["bundle", "--release", release, "--file", file]])
        expect((await run("commands/release/cli.ts", ...args)).status).toBe(0);
      expect((await run("commands/release/verify-cli.ts", "--ref", release)).output).toContain(
        "checks hold",
      );
    });
  });

  test("is in no output", () => {
    const text = said.join("\n");
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(text).not.toMatch(bearer);
  });

  test("is in the arguments of no process", () => {
    // It looked while the CLI, its plugins and what they start were there.
    for (const program of ["pulumi\0up", "pulumi-resource-docker-build", "publish-chart.ts"])
      expect(started.seen.filter((line) => line.includes(program))).not.toEqual([]);
    expect(started.found).toEqual([]);
  });

  test("is in no file that was made: state, configuration, checkout, temporary files, the bundle", () => {
    // The search finds what the user has put there, and nothing else.
    const own = way.own === undefined ? [] : [join(home, way.own)];
    expect(filesWith(folder, secrets)).toEqual(own);
  });

  test("is in no image, chart or signature, and in no log of a server", () => {
    const folders = [storageFolder(settings, "registry"), join(settings.state, "logs")];
    expect(folders.flatMap((one) => filesWith(one, secrets))).toEqual([]);
  });

  test("leaves nothing in the folder for temporary files", () => {
    expect(readdirSync(join(folder, "tmp"))).toEqual([]);
  });
});
