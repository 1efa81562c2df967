import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { deliverables } from "../../deliverables.ts";
import { allOutsideBases } from "../../delivery/plan/plan.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { writeBaseLock } from "../../delivery/sources/base-lock.ts";
import { makeOnce } from "../machine/draft.ts";
import { get } from "../machine/http.ts";
import { runTool } from "../machine/run.ts";
import { PlatformError, type PlatformSettings, hostPlatform, project } from "../settings.ts";
import { dockerfileFrontend } from "../tools/catalog.ts";
import { provideTools } from "../tools/provide.ts";
import { basePlatforms } from "./base-platforms.ts";
import { buildFolder, makeDebian } from "./build.ts";
import { completeBase } from "./foreign-bases.ts";
import { mirrorLock } from "./mirror-lock.ts";

const recipes = join(project, "platform/images/recipes");
const suite = "forky";
const root = `library/debian:${suite}-slim`;
const npmVersion = "11.6.2";
const manifestTypes = [
  ...["image.manifest", "image.index"].map((kind) => `application/vnd.oci.${kind}.v1+json`),
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** References to images outside the deliverables in the Dockerfiles of this checkout, such as `python:3.14-slim`. */
export function requiredBases(platforms: readonly string[]): string[] {
  return allOutsideBases(deliverables, platforms);
}

/**
 * Puts every base image that is missing into the mirror, made from Debian's packages, for each platform in which it is
 * needed. Does nothing where Docker Hub can be reached, since BuildKit then pulls the official ones.
 */
export async function provideBases(
  settings: PlatformSettings,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const bases = requiredBases(settings.platforms);
  const names = bases.flatMap(hubName);
  const missing: string[] = [];
  for (const base of names) if (!(await isMirrored(settings, base))) missing.push(base);
  if (missing.length > 0 && (await dockerHubAnswers())) return;
  await makeBases(settings, missing, log, signal);
  const needed = basePlatforms(deliverables.images, hostPlatform, settings.platforms);
  for (const [reference, platforms] of needed) {
    const foreign = [...platforms].filter((platform) => platform !== hostPlatform);
    if (foreign.length === 0) continue;
    for (const name of hubName(reference))
      await completeBase(
        settings,
        { name, recipes: recipesOf(settings, name), suite },
        foreign,
        log,
      );
  }
  await lockBases(settings, bases);
}

/**
 * Makes base images from Debian's packages, and the root that they stand on where it is missing; none after the one that is being made
 * when `signal` says so.
 */
export async function makeBases(
  settings: PlatformSettings,
  missing: readonly string[],
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (missing.length === 0) return;
  const wanted = [
    ...((await isMirrored(settings, root)) ? [] : [root]),
    ...missing.filter((base) => base !== root),
  ];
  for (const [i, base] of wanted.entries()) {
    signal?.throwIfAborted();
    const started = Date.now();
    log(`[${i + 1}/${wanted.length}] base image ${base}: making it from Debian ${suite}`);
    await buildBase(settings, base, log);
    log(
      `[${i + 1}/${wanted.length}] base image ${base}: made in ${((Date.now() - started) / 1000).toFixed(0)} s`,
    );
  }
}

/** Binds the bases to what the mirror holds now, so that one that is made anew is seen as moved. */
async function lockBases(settings: PlatformSettings, bases: readonly string[]): Promise<void> {
  const client = new RegistryClient({
    host: `localhost:${settings.ports.registry}`,
    tls: "plain-http",
  });
  try {
    const lock = new Map<string, string>();
    for (const base of bases) {
      const [name = "", tag = ""] = (hubName(base)[0] ?? "").split(":");
      const manifest = name === "" ? undefined : await client.getManifest(`mirror/${name}`, tag);
      if (manifest) lock.set(base, manifest.digest);
    }
    writeBaseLock(mirrorLock(settings), lock);
  } finally {
    client.close();
  }
}

/** Name on Docker Hub; nothing for images elsewhere, which are pulled from where they are. */
export function hubName(reference: string): string[] {
  const name = reference.replace(/^docker\.io\//, "").replace(/@sha256:.*$/, "");
  const [first = "", second] = name.split("/");
  if (second !== undefined && /[.:]|^localhost$/.test(first)) return [];
  const path = second === undefined ? `library/${name}` : name;
  return [path.includes(":") ? path : `${path}:latest`];
}

/** Whether the mirror has an image of Docker Hub, by its name with its tag. */
export function isMirrored(settings: PlatformSettings, base: string): Promise<boolean> {
  const [name = "", tag = ""] = base.split(":");
  return isPublished(settings, `mirror/${name}`, tag);
}

/** Whether the platform's registry has an image. */
export async function isPublished(
  { ports }: PlatformSettings,
  repository: string,
  tag: string,
): Promise<boolean> {
  const url = `http://localhost:${ports.registry}/v2/${repository}/manifests/${tag}`;
  return (await get(url, { accept: manifestTypes })).status === 200;
}

/** Whether Docker Hub can be reached. */
export async function dockerHubAnswers(): Promise<boolean> {
  try {
    const response = await fetch("https://registry-1.docker.io/v2/", {
      signal: AbortSignal.timeout(3000),
    });
    return response.status === 401 || response.ok;
  } catch {
    return false;
  }
}

async function buildBase(
  settings: PlatformSettings,
  base: string,
  log: (line: string) => void,
): Promise<void> {
  const [name = "", tag = ""] = base.split(":");
  const recipe = recipeOf(settings, base);
  const frontend = name === "docker/dockerfile" ? await provideFrontend(settings, log) : undefined;
  const debian = base === root ? await debianRoot(settings, log) : undefined;
  const npm = name === "library/node" ? await npmPackage(settings, log) : undefined;
  const version = /^\d+(?:\.\d+)*/.exec(tag)?.[0] ?? "";
  await buildInto(
    settings,
    `mirror/${base}`,
    (context) => {
      copyFileSync(recipe, join(context, "Dockerfile"));
      if (debian !== undefined) {
        copyFileSync(debian, join(context, "root.tar"));
        copyFileSync(certificates, join(context, "ca-certificates.crt"));
      }
      if (frontend !== undefined) copyFileSync(frontend, join(context, dockerfileFrontend.name));
      if (npm !== undefined) copyFileSync(npm, join(context, "npm.tgz"));
    },
    [`--opt=build-arg:VERSION=${version}`],
  );
}

/** Dockerfile of a base, by its name on Docker Hub. */
function recipeOf({ ports }: PlatformSettings, base: string): string {
  const [name = ""] = base.split(":");
  const recipe = join(recipes, `${name.replace(/^library\//, "").replaceAll("/", "-")}.Dockerfile`);
  if (existsSync(recipe)) return recipe;
  throw new PlatformError(
    `a Dockerfile starts from ${base}, which cannot be pulled here and has no recipe; ` +
      `add ${relative(project, recipe)}, or push the image to localhost:${ports.registry}/mirror/${base}`,
  );
}

/** Texts of a base's Dockerfile and of that of the root which it stands on. */
function recipesOf(settings: PlatformSettings, base: string): string[] {
  const files = base === root ? [base] : [root, base];
  return files.map((name) => readFileSync(recipeOf(settings, name), "utf8"));
}

/** Builds what `fill` puts into a folder, with its Dockerfile, and pushes it as `name`, a path with its tag. */
export async function buildInto(
  settings: PlatformSettings,
  name: string,
  fill: (context: string) => void,
  options: readonly string[] = [],
): Promise<void> {
  const context = mkdtempSync(join(settings.state, "image-"));
  try {
    fill(context);
    await buildFolder(settings, context, [
      ...options,
      `--output=type=image,name=localhost:${settings.ports.registry}/${name},push=true,registry.insecure=true`,
    ]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

/** A minimal Debian as a tar file, made once for each user: the slowest part, and equal for all. */
async function debianRoot(
  { cache }: PlatformSettings,
  log: (line: string) => void,
): Promise<string> {
  const path = join(cache, "base-images", `debian-${suite}.tar`);
  await makeOnce({ path, label: `Debian ${suite}`, log }, (draft) => {
    log(`Debian ${suite}: fetching its packages`);
    const excluded = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*"];
    const options = [
      "--variant=minbase",
      // The Release file of a suite in development can be older than it promises.
      `--aptopt=Acquire::Check-Valid-Until "false"`,
      "--include=ca-certificates",
      ...excluded.map((excludedPath) => `--dpkgopt=path-exclude=${excludedPath}`),
    ];
    return makeDebian(suite, options, join(draft, "root.tar"));
  });
  return path;
}

/** Path of BuildKit's Dockerfile frontend as a program, for Dockerfiles that ask for it by a `# syntax=` line. */
async function provideFrontend(
  { cache }: PlatformSettings,
  log: (line: string) => void,
): Promise<string | undefined> {
  const tools = await provideTools([dockerfileFrontend], cache, log);
  return tools.get(dockerfileFrontend.name)?.path;
}

/** Path of npm's package in the cache. */
export async function npmPackage(
  { cache }: PlatformSettings,
  log: (line: string) => void,
): Promise<string> {
  const name = `npm-${npmVersion}.tgz`;
  const path = join(cache, "base-images", name);
  await makeOnce({ path, label: `npm ${npmVersion}`, log }, async (draft) => {
    await runTool("npm", ["pack", `npm@${npmVersion}`, "--silent", "--pack-destination", draft]);
    return join(draft, name);
  });
  return path;
}
