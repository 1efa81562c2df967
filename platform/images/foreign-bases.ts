import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fields } from "../../delivery/basics/json-fields.ts";
import { makeOnce } from "../machine/draft.ts";
import { get } from "../machine/http.ts";
import { PlatformError, type PlatformSettings, hostPlatform } from "../settings.ts";
import { buildFolder, makeDebian } from "./build.ts";

const indexType = "application/vnd.oci.image.index.v1+json";
const listType = "application/vnd.docker.distribution.manifest.list.v2+json";
const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Debian's names of the architectures. */
const debianNames: Readonly<Record<string, string>> = {
  "linux/amd64": "amd64",
  "linux/arm64": "arm64",
};

/** A manifest as an index refers to it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform: { readonly os: string; readonly architecture: string };
}

/** A base of the mirror, and how it is made for this machine. */
export interface Base {
  /** Name on Docker Hub with its tag, such as `library/python:3.14-slim`. */
  readonly name: string;
  /** Texts of its Dockerfile and of those below it, the lowest first. */
  readonly recipes: readonly string[];
  /** Suite of Debian that it is made from. */
  readonly suite: string;
}

/**
 * Puts other platforms into a base of the mirror, which becomes an index; the image for this machine stays as it is.
 * Returns whether something was missing.
 */
export async function completeBase(
  settings: PlatformSettings,
  base: Base,
  platforms: Iterable<string>,
  log: (line: string) => void,
): Promise<boolean> {
  const [name = "", tag = ""] = base.name.split(":");
  const repository = `mirror/${name}`;
  const present = await readDescriptors(settings, repository, tag);
  const known = present.map(({ platform }) => `${platform.os}/${platform.architecture}`);
  const lacking = [...platforms].filter((platform) => !known.includes(platform));
  if (lacking.length === 0) return false;
  const native = present[known.indexOf(hostPlatform)];
  if (!native) {
    throw new PlatformError(
      `${base.name} in the mirror has ${known.join(", ")}, but not this machine's ${hostPlatform}; push one that has it to ` +
        `localhost:${settings.ports.registry}/mirror/${base.name}`,
    );
  }
  const made: Descriptor[] = [];
  for (const platform of lacking) {
    const started = Date.now();
    log(`base image ${base.name} for ${platform}: making it from Debian ${base.suite}`);
    const digest = await makeForeign(
      settings,
      base,
      `${repository}@${native.digest}`,
      platform,
      log,
    );
    const { body, mediaType } = await readManifest(settings, repository, digest);
    made.push(describe(body, mediaType, platform));
    const seconds = ((Date.now() - started) / 1000).toFixed(0);
    log(`base image ${base.name} for ${platform}: made in ${seconds} s`);
  }
  await writeIndex(settings, repository, tag, [...present, ...made]);
  return true;
}

/** What the index of a tag refers to; the only image of a tag without an index is this machine's. */
async function readDescriptors(
  settings: PlatformSettings,
  repository: string,
  tag: string,
): Promise<Descriptor[]> {
  const { body, mediaType } = await readManifest(settings, repository, tag);
  if (mediaType !== indexType && mediaType !== listType)
    return [describe(body, mediaType, hostPlatform)];
  // An index as the registry checked it.
  return (JSON.parse(body) as { readonly manifests: Descriptor[] }).manifests;
}

function describe(body: string, mediaType: string, platform: string): Descriptor {
  const [os = "", architecture = ""] = platform.split("/");
  return {
    mediaType,
    digest: `sha256:${createHash("sha256").update(body).digest("hex")}`,
    size: Buffer.byteLength(body),
    platform: { os, architecture },
  };
}

async function readManifest(
  { ports }: PlatformSettings,
  repository: string,
  reference: string,
): Promise<{ body: string; mediaType: string }> {
  const url = `http://localhost:${ports.registry}/v2/${repository}/manifests/${reference}`;
  const accept = [...manifestTypes, indexType, listType].join(", ");
  const { status, body } = await get(url, { accept });
  if (status !== 200) throw new PlatformError(`${url} answered ${status}: ${body}`);
  const { mediaType } = fields(JSON.parse(body));
  return { body, mediaType: typeof mediaType === "string" ? mediaType : "" };
}

async function writeIndex(
  { ports }: PlatformSettings,
  repository: string,
  tag: string,
  manifests: readonly Descriptor[],
): Promise<void> {
  const url = `http://localhost:${ports.registry}/v2/${repository}/manifests/${tag}`;
  const body = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });
  const answer = await fetch(url, {
    method: "PUT",
    headers: { "content-type": indexType },
    body,
  });
  if (answer.status !== 201)
    throw new PlatformError(`${url} answered ${answer.status}: ${await answer.text()}`);
}

/**
 * Makes a base for another architecture and starts nothing of it: its programs are unpacked from that architecture's
 * packages, and all else, which scripts of packages and the recipe made, is text, and copied from this machine's image.
 * Emulation was rejected: configuring the packages of one base took longer than all of this. Returns the digest.
 */
async function makeForeign(
  settings: PlatformSettings,
  { recipes, suite }: Base,
  native: string,
  platform: string,
  log: (line: string) => void,
): Promise<string> {
  const context = mkdtempSync(join(settings.state, "image-"));
  const reference = `localhost:${settings.ports.registry}/${native}`;
  try {
    writeFileSync(join(context, "Dockerfile"), listDockerfile(reference));
    await buildFolder(settings, context, [`--output=type=local,dest=${context}`]);
    const packages = readFileSync(join(context, "packages"), "utf8").trim().split("\n");
    const root = await unpacked(settings, suite, platform, packages, log);
    copyFileSync(root, join(context, "root.tar"));
    writeFileSync(join(context, "Dockerfile"), foreignDockerfile(reference, recipes));
    const name = reference.slice(0, reference.indexOf("@"));
    const metadata = join(context, "metadata.json");
    await buildFolder(settings, context, [
      `--opt=platform=${platform}`,
      `--output=type=image,name=${name},push=true,push-by-digest=true,registry.insecure=true`,
      `--metadata-file=${metadata}`,
    ]);
    return String(fields(JSON.parse(readFileSync(metadata, "utf8")))["containerimage.digest"]);
  } finally {
    rmSync(context, { recursive: true, force: true });
  }
}

function listDockerfile(native: string): string {
  return [
    `FROM ${native} AS native`,
    "RUN dpkg-query --show --showformat='${Package}\\n' > /packages",
    `FROM scratch`,
    `COPY --from=native /packages /`,
    ``,
  ].join("\n");
}

/** Dockerfile that puts a base for another architecture together, in a folder with its packages as root.tar. */
export function foreignDockerfile(native: string, recipes: readonly string[]): string {
  const programs = ["bin", "sbin", "lib", "lib64", "usr"];
  const texts = ["dev", "etc", "usr/share", "usr/local", "var"];
  const exclude = (paths: readonly string[]): string =>
    paths.map((path) => `--exclude=${path}`).join(" ");
  return [
    `FROM --platform=$BUILDPLATFORM ${native} AS native`,
    // Scripts of packages make these among the programs, and nothing else.
    `RUN mkdir /links && find /usr -type l -lname '/etc/alternatives/*' | tar --create --files-from=- | tar --extract --directory=/links`,
    `FROM scratch AS foreign`,
    `ADD root.tar /`,
    `FROM scratch`,
    `COPY --from=native ${exclude([...programs, "links", "var/lib/dpkg", "etc/ld.so.cache"])} / /`,
    `COPY --from=native /usr/share /usr/share`,
    `COPY --from=native /usr/local /usr/local`,
    `COPY --from=foreign ${exclude(texts)} / /`,
    `COPY --from=foreign /var/lib/dpkg /var/lib/dpkg`,
    `COPY --from=native /links /`,
    ...recipes.flatMap(configuration),
    ``,
  ].join("\n");
}

/** Lines of a recipe that decide how the image is run rather than what is in it. */
export function configuration(recipe: string): string[] {
  return recipe
    .split("\n")
    .filter((line) => /^(?:ENV|WORKDIR|USER|EXPOSE|STOPSIGNAL|ENTRYPOINT|CMD) /.test(line));
}

/** Packages of an architecture, unpacked and nothing more; made once for each user. */
async function unpacked(
  { cache }: PlatformSettings,
  suite: string,
  platform: string,
  packages: readonly string[],
  log: (line: string) => void,
): Promise<string> {
  const architecture = debianNames[platform] ?? platform;
  const key = createHash("sha256").update(packages.join("\n")).digest("hex").slice(0, 12);
  const path = join(cache, "base-images", `debian-${suite}-${architecture}-${key}.tar`);
  const label = `Debian ${suite} for ${architecture}`;
  await makeOnce({ path, label, log }, (draft) => {
    log(`${label}: fetching ${packages.length} packages`);
    const options = [
      `--architectures=${architecture}`,
      "--variant=extract",
      // The Release file of a suite in development can be older than it promises.
      `--aptopt=Acquire::Check-Valid-Until "false"`,
      `--include=${packages.join(",")}`,
    ];
    return makeDebian(suite, options, join(draft, "root.tar"));
  });
  return path;
}
