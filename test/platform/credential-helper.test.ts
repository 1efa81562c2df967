import { spawn } from "node:child_process";
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeDockerConfig } from "../../platform/docker-config.ts";
import { folderWith } from "../folders.ts";

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const olly = { auth: base64("olly:s3cret") };
const missing = { status: 1, stdout: "credentials not found in native keychain\n", stderr: "" };

/**
 * Runs the helper by its name, as clients do, in the environment that goes with a written configuration.
 *
 * @param own The user's Docker configuration.
 * @param helpers Credential helpers of the user, which are shell scripts, by name.
 */
function run(
  verb: string,
  input: string,
  {
    env = {},
    own = {},
    helpers = {},
  }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly own?: unknown;
    readonly helpers?: Readonly<Record<string, string>>;
  } = {},
): Promise<Ended> {
  const scripts = Object.entries(helpers).map(([name, script]): [string, string] => [
    `bin/docker-credential-${name}`,
    `#!/bin/sh\n${script}\n`,
  ]);
  const home = folderWith({
    ".docker/config.json": JSON.stringify(own),
    ...Object.fromEntries(scripts),
  });
  for (const [path] of scripts) chmodSync(join(home, path), 0o755);
  const base = { HOME: home, PATH: `${home}/bin:/usr/bin:/bin`, ...env };
  // A quote in the folder's name must not matter.
  const written = writeDockerConfig(join(folderWith({}), "it's ours"), base);
  return call(verb, input, { ...base, ...written });
}

function call(verb: string, input: string, env: NodeJS.ProcessEnv): Promise<Ended> {
  const child = spawn("docker-credential-tinyolly", [verb], { env });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
  child.stderr.on("data", (text: Buffer) => (stderr += text.toString()));
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  return new Promise((resolve) => {
    child.once("close", (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

describe("get", () => {
  const table: [string, string, Parameters<typeof run>[2], unknown][] = [
    [
      "a token of the environment",
      "reg.test:5000",
      {
        env: {
          TINYOLLY_REGISTRY_HOST: "reg.test:5000",
          TINYOLLY_REGISTRY_USER: "olly",
          TINYOLLY_REGISTRY_TOKEN: "t0ken",
        },
      },
      { ServerURL: "reg.test:5000", Username: "olly", Secret: "t0ken" },
    ],
    [
      "GitHub's token, for a URL",
      "https://ghcr.io/v2/\n",
      { env: { GITHUB_TOKEN: "ghs" }, own: { auths: { "ghcr.io": olly } } },
      { ServerURL: "https://ghcr.io/v2/", Username: "token", Secret: "ghs" },
    ],
    [
      "what docker login stored",
      "quay.io",
      { env: { GITHUB_TOKEN: "ghs" }, own: { auths: { "quay.io": olly } } },
      { ServerURL: "quay.io", Username: "olly", Secret: "s3cret" },
    ],
    [
      "what docker login stored for Docker Hub",
      "https://index.docker.io/v1/",
      { own: { auths: { "https://index.docker.io/v1/": olly } } },
      { ServerURL: "https://index.docker.io/v1/", Username: "olly", Secret: "s3cret" },
    ],
    [
      "what the user's own helper has",
      "quay.io",
      {
        own: { credsStore: "own" },
        helpers: {
          own: `printf '{"Username":"%s","Secret":"s3cret"}' "$(basename "$DOCKER_CONFIG")"`,
        },
      },
      { ServerURL: "quay.io", Username: ".docker", Secret: "s3cret" },
    ],
    [
      "an identity token",
      "quay.io",
      { own: { auths: { "quay.io": { identitytoken: "id" } } } },
      { ServerURL: "quay.io", Username: "<token>", Secret: "id" },
    ],
  ];
  test.each(table)("prints %s", async (_, server, setting, expected) => {
    const { status, stdout, stderr } = await run("get", server, setting);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(expected);
  });

  test("says in the words of the protocol that there is nothing", async () => {
    const own = { auths: { "quay.io": olly } };
    expect(await run("get", "ghcr.io", { own })).toEqual(missing);
    expect(await run("get", "")).toEqual({
      status: 1,
      stdout: "no credentials server URL\n",
      stderr: "",
    });
  });

  test("does not ask itself, whatever the configurations say", async () => {
    expect(await run("get", "ghcr.io", { own: { credsStore: "tinyolly" } })).toEqual(missing);

    const folder = join(folderWith({}), "docker");
    const home = folderWith({});
    const written = writeDockerConfig(folder, { HOME: home, PATH: "/usr/bin:/bin" });
    const env = { HOME: home, PATH: written["PATH"], DOCKER_CONFIG: folder };
    expect(await call("get", "ghcr.io", env)).toEqual(missing);
    expect(await call("get", "ghcr.io", { ...env, TINYOLLY_DOCKER_CONFIG: folder })).toEqual(
      missing,
    );
  });

  test("says what is wrong where callers look for it, and shows no secret", async () => {
    const env = { TINYOLLY_REGISTRY_TOKEN: "t0ken" };
    const { status, stdout, stderr } = await run("get", "ghcr.io", { env });
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(stdout).toMatch(/^TINYOLLY_REGISTRY_TOKEN is set, but not what it is for; /);
    const helpers = { own: "echo s3cret; exit 3" };
    const failed = await run("get", "ghcr.io", { own: { credsStore: "own" }, helpers });
    expect(failed.stdout).toMatch(/^docker-credential-own, .* failed \(exit code 3\); mend it/);
    expect(`${stdout}${failed.stdout}${failed.stderr}`).not.toMatch(/t0ken|s3cret/);
  });
});

describe("list", () => {
  test("names the hosts for which there is something, and no secret", async () => {
    const { status, stdout, stderr } = await run("list", "unused", {
      env: { GITHUB_TOKEN: "ghs", GITHUB_ACTOR: "octo" },
      own: {
        auths: { "quay.io": olly, "empty.test": {}, "ghcr.io": olly, "broken.test": { auth: "x" } },
      },
    });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ "ghcr.io": "octo", "quay.io": "olly" });
    expect(stderr).toContain('"auth" of "broken.test"');
    expect(`${stdout}${stderr}`).not.toMatch(/s3cret|ghs/);
  });

  test("is empty where there is nothing, or where nothing can be read", async () => {
    expect(await run("list", "")).toEqual({ status: 0, stdout: "{}\n", stderr: "" });
    const { status, stdout, stderr } = await run("list", "", { own: { credsStore: "gone" } });
    expect({ status, stdout }).toEqual({ status: 0, stdout: "{}\n" });
    expect(stderr).toContain("docker-credential-gone");
  });
});

test.each(["store", "erase"])("%s is refused", async (verb) => {
  const written = JSON.stringify({ ServerURL: "ghcr.io", Username: "olly", Secret: "s3cret" });
  expect(await run(verb, written)).toEqual({
    status: 1,
    stdout: "",
    stderr:
      "docker-credential-tinyolly stores nothing; run docker login without the DOCKER_CONFIG that names it\n",
  });
});

test("anything else is told how it is used", async () => {
  expect(await run("help", "")).toEqual({
    status: 1,
    stdout: "",
    stderr: "usage: docker-credential-tinyolly get|list|store|erase\n",
  });
});

test("the script has two lines, and works from anywhere", () => {
  const folder = folderWith({});
  writeDockerConfig(folder, {});
  const script = readFileSync(join(folder, "bin/docker-credential-tinyolly"), "utf8");
  const project = process.cwd();
  expect(script).toBe(
    `#!/bin/sh\nexec '${process.execPath}' '${project}/platform/credential-helper.ts' "$@"\n`,
  );
});
