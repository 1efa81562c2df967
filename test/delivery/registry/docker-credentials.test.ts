import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import { dockerCredentials } from "../../../delivery/registry/docker-credentials.ts";
import { base64, environment, olly, ollyCredentials } from "../../docker-environment.ts";
import { folderWith } from "../../folders.ts";

/** A helper that prints what it was asked as the user name. */
const echo = `printf '{"ServerURL":"x","Username":"%s %s","Secret":"s3cret"}' "$1" "$(cat)"`;

describe("found", () => {
  const table: [string, string, unknown, unknown][] = [
    ["a host's password", "ghcr.io", { auths: { "ghcr.io": olly } }, ollyCredentials],
    [
      "a host with a port",
      "localhost:5000",
      { auths: { "localhost:5000": olly } },
      ollyCredentials,
    ],
    [
      "a host written as a URL",
      "ghcr.io",
      { auths: { "https://ghcr.io/v2/": olly } },
      ollyCredentials,
    ],
    [
      "Docker Hub's password",
      "docker.io",
      { auths: { "https://index.docker.io/v1/": olly } },
      ollyCredentials,
    ],
    [
      "a password with colons and padding",
      "ghcr.io",
      { auths: { "ghcr.io": { auth: base64("olly:a:b\0\0") } } },
      { username: "olly", password: "a:b" },
    ],
    [
      "an identity token, before a password",
      "ghcr.io",
      { auths: { "ghcr.io": { auth: base64("<token>:"), identitytoken: "id" } } },
      { identityToken: "id" },
    ],
    [
      "a password beside an empty identity token",
      "ghcr.io",
      { auths: { "ghcr.io": { ...olly, identitytoken: "" } } },
      ollyCredentials,
    ],
    ["nothing for another host", "ghcr.io", { auths: { "ghcr.io.evil.org": olly } }, undefined],
    ["nothing for another port", "ghcr.io", { auths: { "ghcr.io:444": olly } }, undefined],
    ["nothing in an empty entry", "ghcr.io", { auths: { "ghcr.io": {} } }, undefined],
    [
      "nothing in a configuration of other things",
      "ghcr.io",
      { auths: [], proxies: {} },
      undefined,
    ],
  ];
  test.each(table)("%s", async (_, host, configuration, expected) => {
    expect(await dockerCredentials(host, environment(configuration))).toEqual(expected);
  });

  test("nothing without a configuration", async () => {
    expect(await dockerCredentials("ghcr.io", { DOCKER_CONFIG: folderWith({}) })).toBeUndefined();
  });

  test("the home folder's configuration where none is named", async () => {
    const configuration = JSON.stringify({ auths: { "ghcr.io": olly } });
    const home = folderWith({ ".docker/config.json": configuration });
    for (const env of [{ HOME: home }, { HOME: home, DOCKER_CONFIG: "" }])
      expect(await dockerCredentials("ghcr.io", env)).toEqual(ollyCredentials);
  });
});

describe("helpers", () => {
  const table: [string, string, unknown, unknown][] = [
    [
      "the host's own helper comes before the common one",
      "ghcr.io",
      { credHelpers: { "ghcr.io": "echo" }, credsStore: "none", auths: { "ghcr.io": {} } },
      { username: "get ghcr.io", password: "s3cret" },
    ],
    [
      "the common helper comes before passwords",
      "ghcr.io",
      { credHelpers: { "quay.io": "none" }, credsStore: "echo", auths: { "ghcr.io": olly } },
      { username: "get ghcr.io", password: "s3cret" },
    ],
    [
      "Docker Hub is asked for by its old name",
      "docker.io",
      { credsStore: "echo" },
      { username: "get https://index.docker.io/v1/", password: "s3cret" },
    ],
    [
      "Docker Hub's own helper may be named by its host",
      "docker.io",
      { credHelpers: { "docker.io": "echo" } },
      { username: "get https://index.docker.io/v1/", password: "s3cret" },
    ],
    [
      "Docker Hub's own helper may be named by its old name",
      "registry-1.docker.io",
      { credHelpers: { "https://index.docker.io/v1/": "echo" } },
      { username: "get https://index.docker.io/v1/", password: "s3cret" },
    ],
    [
      "an empty name is no helper",
      "ghcr.io",
      { credsStore: "", auths: { "ghcr.io": olly } },
      ollyCredentials,
    ],
    ["a token is an identity token", "ghcr.io", { credsStore: "token" }, { identityToken: "id" }],
    ["a helper may not know the host", "ghcr.io", { credsStore: "none" }, undefined],
    [
      "a password is used where the helper does not know the host",
      "ghcr.io",
      { credsStore: "none", auths: { "ghcr.io": olly } },
      ollyCredentials,
    ],
  ];
  test.each(table)("%s", async (_, host, configuration, expected) => {
    const env = environment(configuration, {
      echo,
      token: `printf '{"Username":"<token>","Secret":"id"}'`,
      none: "echo credentials not found in native keychain; exit 1",
    });
    expect(await dockerCredentials(host, env)).toEqual(expected);
  });

  const failures: [string, Readonly<Record<string, string>>, string][] = [
    ["is not there", {}, "is not on PATH"],
    ["fails", { x: "echo s3cret; echo s3cret >&2; exit 3" }, "failed (exit code 3)"],
    ["prints no JSON", { x: "echo s3cret" }, "did not print a user name and a secret"],
    ["prints other JSON", { x: `echo '{"Secret":"s3cret"}'` }, "did not print a user name"],
    ["hangs", { x: "trap '' TERM; exec sleep 30" }, "did not answer within 0.2 s"],
  ];
  test.each(failures)("a helper that %s is an error", async (_, helpers, problem) => {
    const env = environment({ credsStore: "x" }, helpers);
    const error: unknown = await dockerCredentials("ghcr.io", env, 200).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InputError);
    const file = join(env["DOCKER_CONFIG"] ?? "", "config.json");
    expect(String(error)).toContain(
      `docker-credential-x, which ${file} names for ghcr.io, ${problem}`,
    );
    expect(String(error)).toContain("; mend it, or remove it from that file and run docker login");
    expect(String(error)).not.toContain("s3cret");
  });
});

describe("broken", () => {
  const notBase64 = `"auth" of "https://ghcr.io" in FILE is not user:password in base64; run docker login ghcr.io`;
  const table: [string, unknown, string][] = [
    [
      "JSON",
      '{"auths": s3cret',
      "FILE is not valid JSON; mend it, or delete it and run docker login",
    ],
    [
      "password without a user",
      { auths: { "https://ghcr.io": { auth: base64(":s3cret") } } },
      notBase64,
    ],
    [
      "password without a colon",
      { auths: { "https://ghcr.io": { auth: base64("s3cret") } } },
      notBase64,
    ],
    ["password that is no text", { auths: { "https://ghcr.io": { auth: 5 } } }, notBase64],
  ];
  test.each(table)("%s is an error that shows nothing of it", async (_, configuration, message) => {
    const env = environment(configuration);
    const file = join(env["DOCKER_CONFIG"] ?? "", "config.json");
    await expect(dockerCredentials("ghcr.io", env)).rejects.toThrow(
      new InputError(message.replace("FILE", file)),
    );
  });

  test("a configuration that is no file is an error", async () => {
    const folder = folderWith({ "config.json/file": "" });
    await expect(dockerCredentials("ghcr.io", { DOCKER_CONFIG: folder })).rejects.toThrow(
      new InputError(
        `${join(folder, "config.json")} cannot be read; make it readable, or set DOCKER_CONFIG`,
      ),
    );
  });
});
