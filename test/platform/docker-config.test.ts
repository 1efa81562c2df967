import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeDockerConfig } from "../../platform/docker-config.ts";
import { folderWith, setUmask, writeFiles } from "../folders.ts";

const olly = { auth: Buffer.from("olly:s3cret").toString("base64") };

/** A home with a Docker configuration, and a folder to write to. */
function homeWith(configuration: unknown): { home: string; folder: string } {
  const home = folderWith({ ".docker/config.json": JSON.stringify(configuration) });
  return { home, folder: join(home, "written") };
}

const read = (folder: string): unknown =>
  JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));

test("the configuration names the helper alone, for the user's eyes alone", () => {
  setUmask(0);
  const { home, folder } = homeWith({ auths: { "ghcr.io": olly } });
  mkdirSync(folder, { mode: 0o777 });
  expect(writeDockerConfig(folder, { HOME: home, PATH: "/usr/bin:/bin" })).toEqual({
    DOCKER_CONFIG: folder,
    HELM_REGISTRY_CONFIG: `${folder}/config.json`,
    PATH: `${folder}/bin:/usr/bin:/bin`,
    BUILDX_CONFIG: `${home}/.docker/buildx`,
    TINYOLLY_DOCKER_CONFIG: `${home}/.docker`,
  });
  expect(readFileSync(join(folder, "config.json"), "utf8")).toBe('{"credsStore":"tinyolly"}\n');
  const modes = Object.fromEntries(
    [".", "bin", "config.json", "bin/docker-credential-tinyolly"].map((path) => [
      path,
      (statSync(join(folder, path)).mode & 0o777).toString(8),
    ]),
  );
  expect(modes).toEqual({
    ".": "700",
    bin: "700",
    "config.json": "600",
    "bin/docker-credential-tinyolly": "700",
  });
});

test("writing again changes nothing, also in the environment that it made", () => {
  const { home, folder } = homeWith({});
  const env = { HOME: home, PATH: "/usr/bin:/bin" };
  const first = { ...env, ...writeDockerConfig(folder, env) };
  const files = readdirSync(folder, { recursive: true });
  expect(writeDockerConfig(folder, first)).toEqual({
    DOCKER_CONFIG: folder,
    HELM_REGISTRY_CONFIG: `${folder}/config.json`,
    PATH: `${folder}/bin:/usr/bin:/bin`,
  });
  expect(readdirSync(folder, { recursive: true })).toEqual(files);
  expect(read(folder)).toEqual({ credsStore: "tinyolly" });
});

test("a folder of the user's own is kept in mind, also from one configuration to the next", () => {
  const own = folderWith({});
  const [first, second] = [folderWith({}), folderWith({})];
  const env = { DOCKER_CONFIG: own, PATH: "/bin" };
  const written = writeDockerConfig(first, env);
  expect(written).toMatchObject({ TINYOLLY_DOCKER_CONFIG: own, BUILDX_CONFIG: `${own}/buildx` });
  const again = writeDockerConfig(second, { ...env, ...written, BUILDX_CONFIG: "" });
  expect(again).not.toHaveProperty("TINYOLLY_DOCKER_CONFIG");
  expect(again["BUILDX_CONFIG"]).toBe(`${own}/buildx`);
});

test("a written folder is never taken for the user's own", () => {
  const { home, folder } = homeWith({});
  const env = { HOME: home, DOCKER_CONFIG: folder };
  expect(writeDockerConfig(folder, env)["TINYOLLY_DOCKER_CONFIG"]).toBe(`${home}/.docker`);
});

test("builders elsewhere stay where they are, and a relative folder becomes absolute", () => {
  const env = { HOME: folderWith({}), BUILDX_CONFIG: "/elsewhere" };
  const folder = folderWith({});
  const home = process.cwd();
  process.chdir(folder);
  try {
    const written = writeDockerConfig("docker", env);
    expect(written).not.toHaveProperty("BUILDX_CONFIG");
    expect(written["DOCKER_CONFIG"]).toBe(`${process.cwd()}/docker`);
  } finally {
    process.chdir(home);
  }
});

test("contexts and plugins of the user stay in use, also those that come later", () => {
  const { home, folder } = homeWith({});
  writeDockerConfig(folder, { HOME: home });
  expect(existsSync(join(folder, "contexts"))).toBe(false);

  writeFiles(home, { ".docker/contexts/meta/a/meta.json": "{}", ".docker/cli-plugins/x": "" });
  for (let times = 0; times < 2; times++) writeDockerConfig(folder, { HOME: home });
  for (const name of ["contexts", "cli-plugins"])
    expect(readlinkSync(join(folder, name))).toBe(join(home, ".docker", name));
});

test("a folder that docker made in the place of a link stays", () => {
  const { home, folder } = homeWith({});
  writeFiles(home, { ".docker/contexts/a": "", "written/contexts/b": "" });
  writeDockerConfig(folder, { HOME: home });
  expect(lstatSync(join(folder, "contexts")).isDirectory()).toBe(true);
});

test("of the user's settings those stay that are no secrets", () => {
  const { home, folder } = homeWith({
    auths: { "ghcr.io": olly },
    credsStore: "desktop",
    credHelpers: { "quay.io": "x" },
    HttpHeaders: { "X-Secret": "s3cret" },
    currentContext: "far",
    cliPluginsExtraDirs: ["/plugins"],
    proxies: { default: { httpProxy: "http://proxy:3128" } },
  });
  writeDockerConfig(folder, { HOME: home });
  expect(read(folder)).toEqual({
    currentContext: "far",
    cliPluginsExtraDirs: ["/plugins"],
    proxies: { default: { httpProxy: "http://proxy:3128" } },
    credsStore: "tinyolly",
  });
});

test("no file holds credentials", () => {
  const { home, folder } = homeWith({
    auths: { "ghcr.io": olly },
    proxies: { default: { httpProxy: "http://olly:s3cret@proxy:3128" } },
  });
  const env = {
    HOME: home,
    TINYOLLY_REGISTRY_HOST: "ghcr.io",
    TINYOLLY_REGISTRY_TOKEN: "t0ken",
    GITHUB_TOKEN: "ghs_secret",
  };
  const written = JSON.stringify(writeDockerConfig(folder, env));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile());
  expect(files).toHaveLength(2);
  for (const text of [written, ...files.map((file) => readFileSync(file, "utf8"))])
    expect(text).not.toMatch(/s3cret|t0ken|ghs_secret|b2xseT/);
});

test("a configuration of the user that is broken has no settings", () => {
  const home = folderWith({ ".docker/config.json": "{" });
  const folder = join(home, "written");
  writeDockerConfig(folder, { HOME: home });
  expect(read(folder)).toEqual({ credsStore: "tinyolly" });
});
