import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extract } from "tar";
import { readOptions } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import {
  hostProblem,
  namespaceProblem,
  releaseRepository,
} from "../../delivery/registry/references.ts";
import { moveAliases } from "../../delivery/releases/aliases.ts";
import { readRecord } from "../../delivery/releases/record.ts";
import { type StoredRelease, recordText, releaseParts } from "../../delivery/releases/store.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import type { Authority } from "../../delivery/signing/verify-signature.ts";
import { enterReleaseTools } from "../../platform/tools/release-tools.ts";
import { OciLayout } from "./oci-layout.ts";
import { readTls } from "./reference.ts";
import {
  type AuthorityOptions,
  authorityOptions,
  readOptionalAuthority,
} from "./stack-authority.ts";
import { openStack, stackOptions } from "./stack.ts";
import { type Transfer, transferRecord, transferRelease } from "./transfer.ts";
import { verify } from "./verify.ts";

const declared = {
  ...stackOptions,
  stack: { type: "string", default: "" },
  file: { type: "string", default: "" },
  registry: { type: "string", default: "" },
  tls: { type: "string", default: "verify" },
  trust: { type: "boolean", default: false },
  ...authorityOptions,
} as const;

/**
 * `load --file F (--stack airgap | --registry host/namespace [--tls verify|skip-verify|plain-http]) [--key cosign.pub]
 * [--trust]`: brings a release out of a file into a registry, with the digests that it had. A file that was damaged or lacks something, or
 * whose signatures do not hold, is refused before anything is pushed; so is every file where nobody is named who must have signed
 * it, unless it is to be trusted.
 */
export async function load(args: string[]): Promise<number> {
  const options = readOptions(declared, args);
  const { file } = options;
  if (file === "" || !existsSync(file)) {
    throw new InputError(
      `FILE is "${file}", but must be a file that make bundle wrote, such as tinyolly-v2.1.8.tar`,
    );
  }
  const { client, namespace, aliases } = openTarget(options);
  const folder = mkdtempSync(join(tmpdir(), "tinyolly-load-"));
  try {
    const authority = readSigner(options);
    await unpack(file, folder);
    const layout = await OciLayout.open(folder, file);
    const { record, digest } = await recordOf(layout, file);
    for (const part of [...releaseParts(record), { path: releaseRepository, digest }])
      await layout.requireWhole(part.path, part.digest);
    if (authority) await requireSignatures(layout, authority, record.release, options.platform);
    else log("its signatures are not checked, since it is to be trusted");
    const transfer: Transfer = {
      ...{ record, source: layout, from: "", target: client, to: namespace, log },
    };
    await transferRelease(transfer);
    const stored = await transferRecord(transfer, digest);
    const moved = await moveAliases(client, namespace, { record, digest: stored }, aliases);
    const lines = [
      `${record.release} is in ${client.host}/${namespace}`,
      ...moved.map((alias) => `${alias} is ${record.release}`),
      stored === digest
        ? `record ${digest}, as make bundle printed it`
        : `record ${stored}, which was there before with the same images and charts`,
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  } finally {
    client.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Whose signatures a bundle must have; undefined where it is to be trusted.
 *
 * @throws InputError where nobody is named and it is not.
 */
function readSigner(
  options: AuthorityOptions & {
    readonly stack: string;
    readonly file: string;
    readonly trust: boolean;
  },
): Authority | undefined {
  const configuration = options.stack === "" ? {} : readStackConfiguration(options.stack);
  const setting = (key: string): string => configuration[`tinyolly:${key}`] ?? "";
  const authority = readOptionalAuthority(options, setting);
  if (authority || options.trust) return authority;
  throw new InputError(
    `nobody is named who must have signed ${options.file}, so nothing was loaded; name the public key with KEY=cosign.pub, or ` +
      `load it unverified with TRUST=1`,
  );
}

/**
 * Checks everything that a bundle's record lists against the signatures beside it.
 *
 * @param platform whether the platform's own cosign may be used.
 * @throws InputError that names what does not hold.
 */
async function requireSignatures(
  layout: OciLayout,
  authority: Authority,
  release: string,
  platform: boolean,
): Promise<void> {
  if (platform && authority.kind === "keyless") await enterReleaseTools();
  // Only its path is looked at.
  const ref = `bundle.invalid/${releaseRepository}:${release}`;
  const { checks, holds } = await verify({ ref, authority, reader: layout });
  if (holds) {
    log(`its signatures hold (${checks.length} checks)`);
    return;
  }
  const wrong = checks.filter(({ result }) => result === "failed" || result === "absent");
  const lines = wrong.map((one) => `${one.subject} ${one.check}: ${one.detail}`);
  throw new InputError(
    `${layout.host} cannot be trusted, so nothing was loaded:\n${lines.join("\n")}\n` +
      `get it from who made it, or name who signed it with KEY=`,
  );
}

/** Where a release is loaded to. */
interface LoadTarget {
  readonly client: RegistryClient;
  readonly namespace: string;
  /** Templates of the tags that follow the newest release. */
  readonly aliases: readonly string[];
}

function openTarget(options: {
  stack: string;
  platform: boolean;
  registry: string;
  tls: string;
}): LoadTarget {
  const { stack, platform, registry, tls } = options;
  if (stack !== "" && registry === "") {
    const { client, namespace, settings } = openStack({ stack, platform });
    return { client, namespace, aliases: settings.aliases };
  }
  const [, host = "", namespace = ""] = /^([^/]+)\/(.+)$/.exec(registry) ?? [];
  const problem = hostProblem(host) ?? namespaceProblem(namespace);
  if (stack !== "" || problem !== undefined) {
    throw new InputError(
      `name where it goes: STACK=… for the registry of a stack, or REGISTRY=registry.example.com/tinyolly (given: "${registry}")`,
    );
  }
  return { client: new RegistryClient({ host, tls: readTls(tls) }), namespace, aliases: [] };
}

/** Nothing but a layout's own files is taken out of the file, and nothing outside of the folder is written. */
async function unpack(file: string, folder: string): Promise<void> {
  const allowed =
    /^(?:\.\/)?(?:oci-layout|index\.json|blobs\/|blobs\/sha256\/|blobs\/sha256\/[0-9a-f]{64})$/;
  let strange: string | undefined;
  try {
    await extract({
      file,
      cwd: folder,
      strict: true,
      filter: (path, entry) => {
        const isPlain = !("type" in entry) || ["File", "Directory"].includes(entry.type);
        if (allowed.test(path) && isPlain) return true;
        strange ??= path;
        return false;
      },
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file} cannot be unpacked: ${reason}; make bundle writes such files`);
  }
  if (strange !== undefined)
    throw new InputError(`${file} holds ${strange}, which no bundle does, so nothing was loaded`);
}

async function recordOf(layout: OciLayout, file: string): Promise<StoredRelease> {
  const [entry, ...more] = layout
    .tagged()
    .filter(({ repository }) => repository === releaseRepository);
  const manifest = entry && (await layout.getManifest(releaseRepository, entry.tag));
  const text = manifest && (await recordText(layout, releaseRepository, manifest));
  if (!manifest || !text || more.length > 0)
    throw new InputError(`${file} does not hold one release; make bundle writes such files`);
  const record = readRecord(text, file);
  return { record, digest: manifest.digest };
}
