import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { InputError } from "../../../delivery/basics/input-error.ts";
import {
  hostsWithCredentials,
  registryCredentials,
} from "../../../delivery/registry/credentials.ts";
import { environment, olly, ollyCredentials } from "../../docker-environment.ts";
import { folderWith } from "../../folders.ts";

describe("in the environment", () => {
  const ours = { TINYOLLY_REGISTRY_HOST: "reg.test:5000", TINYOLLY_REGISTRY_TOKEN: "t0ken" };
  const oursFound = { password: "t0ken", source: "TINYOLLY_REGISTRY_TOKEN" };
  const github = { GITHUB_TOKEN: "ghs" };
  const githubFound = { password: "ghs", source: "GITHUB_TOKEN" };

  const table: [string, string, Record<string, string>, unknown][] = [
    ["our token", "reg.test:5000", ours, { ...oursFound, username: "token" }],
    [
      "our token of a user",
      "reg.test:5000",
      { ...ours, TINYOLLY_REGISTRY_USER: "olly" },
      { ...oursFound, username: "olly" },
    ],
    ["a host in other letters", "REG.test:5000", ours, { ...oursFound, username: "token" }],
    [
      "Docker Hub by another name",
      "registry-1.docker.io",
      { ...ours, TINYOLLY_REGISTRY_HOST: "docker.io" },
      { ...oursFound, username: "token" },
    ],
    ["GitHub's token", "ghcr.io", github, { ...githubFound, username: "token" }],
    [
      "GitHub's token of an actor",
      "ghcr.io",
      { ...github, GITHUB_ACTOR: "octo" },
      { ...githubFound, username: "octo" },
    ],
    [
      "our token before GitHub's",
      "ghcr.io",
      { ...github, ...ours, TINYOLLY_REGISTRY_HOST: "ghcr.io" },
      { ...oursFound, username: "token" },
    ],
    [
      "a token with a line break",
      "ghcr.io",
      { GITHUB_TOKEN: "ghs\n" },
      { ...githubFound, username: "token" },
    ],
    ["nothing of our token for another port", "reg.test", ours, undefined],
    ["nothing of our token for another host", "ghcr.io", ours, undefined],
    ["nothing of GitHub's token for another host", "ghcr.io.evil.org", github, undefined],
    [
      "nothing in empty variables",
      "ghcr.io",
      { GITHUB_TOKEN: "", TINYOLLY_REGISTRY_TOKEN: " " },
      undefined,
    ],
  ];
  test.each(table)("%s", async (_, host, env, expected) => {
    expect(await registryCredentials(host, { ...env, DOCKER_CONFIG: folderWith({}) })).toEqual(
      expected,
    );
  });

  test("comes before Docker's configuration, which has the rest", async () => {
    const auths = { "ghcr.io": olly, "quay.io": olly };
    const env = { ...environment({ auths }), ...github };
    expect(await registryCredentials("ghcr.io", env)).toMatchObject({ password: "ghs" });
    expect(await registryCredentials("quay.io", env)).toEqual(ollyCredentials);
  });

  test("the user's own Docker configuration has the rest, where ours stands in its place", async () => {
    const own = environment({ auths: { "quay.io": olly } })["DOCKER_CONFIG"];
    const env = { ...environment({ credsStore: "tinyolly" }), TINYOLLY_DOCKER_CONFIG: own };
    expect(await registryCredentials("quay.io", env)).toEqual(ollyCredentials);
  });

  test("our own helper is never asked, as it would ask us", async () => {
    const configuration = { credsStore: "tinyolly", auths: { "quay.io": olly } };
    const env = environment(configuration, { tinyolly: "exit 9" });
    expect(await registryCredentials("quay.io", env)).toEqual(ollyCredentials);
    expect(await hostsWithCredentials(env)).toEqual(["quay.io"]);
  });

  test("hosts are those of the environment, of the configuration and of its helper", async () => {
    const configuration = {
      auths: { "quay.io": olly, "https://index.docker.io/v1/": {} },
      credHelpers: { "reg.test": "none" },
      credsStore: "list",
    };
    const helpers = { list: `printf '{"a.test":"olly","quay.io":"olly"}'` };
    const env = { ...environment(configuration, helpers), ...github };
    expect(await hostsWithCredentials(env)).toEqual([
      "ghcr.io",
      "quay.io",
      "https://index.docker.io/v1/",
      "reg.test",
      "a.test",
    ]);
  });

  test("a helper that lists nothing to read is an error", async () => {
    const env = environment({ credsStore: "x" }, { x: "echo s3cret" });
    const file = join(env["DOCKER_CONFIG"] ?? "", "config.json");
    await expect(hostsWithCredentials(env)).rejects.toThrow(
      new InputError(
        `docker-credential-x, which ${file} names for all registries, did not print a list; mend it, or remove it from that file and run docker login`,
      ),
    );
  });

  const wrong: [string, Record<string, string>, string][] = [
    [
      "a token for no host",
      { TINYOLLY_REGISTRY_TOKEN: "t0ken" },
      "TINYOLLY_REGISTRY_TOKEN is set, but not what it is for; set TINYOLLY_REGISTRY_HOST to the host of its registry, such as ghcr.io",
    ],
    [
      "a host that is none",
      { TINYOLLY_REGISTRY_TOKEN: "t0ken", TINYOLLY_REGISTRY_HOST: "https://ghcr.io" },
      'TINYOLLY_REGISTRY_HOST is "https://ghcr.io", but must be a host name with an optional port, such as ghcr.io or localhost:30500, without scheme or path',
    ],
  ];
  test.each(wrong)("%s is wrong input, for every host", async (_, env, message) => {
    await expect(registryCredentials("quay.io", env)).rejects.toThrow(new InputError(message));
  });
});
