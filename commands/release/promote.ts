import { readOptions } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { variable } from "../../delivery/basics/variable.ts";
import { isRelease, releaseLine } from "../../delivery/plan/version.ts";
import { moveAliases } from "../../delivery/releases/aliases.ts";
import type { ReleaseRecord } from "../../delivery/releases/record.ts";
import { requireRelease, requireWhole, storeRelease } from "../../delivery/releases/store.ts";
import { ownVersion } from "../../delivery/settings/settings.ts";
import { readStackState } from "../../delivery/settings/stack-state.ts";
import { type Attester, attester } from "../../delivery/signing/attester.ts";
import { signingProblem } from "../../delivery/signing/signing-problem.ts";
import { enterStack } from "../../platform/environment.ts";
import { enterSigner } from "../../platform/tools/release-tools.ts";
import { type OpenStack, openStack } from "./stack.ts";
import { releaseOfState } from "./state-release.ts";
import { transferRelease } from "./transfer.ts";

const declared = {
  from: { type: "string", default: "local" },
  to: { type: "string", default: "" },
  release: { type: "string", default: "" },
  as: { type: "string", default: "" },
  platform: { type: "boolean", default: false },
} as const;

/**
 * `promote --from local --to prod [--release v2.1.8] [--as v2.2.0]`: copies what a stack has published, or one of its releases,
 * to the registry of another stack, digest by digest. Nothing is built. Images get the version `--as`; charts keep the one that
 * they have, since it is part of them. The record there says where it came from.
 */
export async function promote(args: string[]): Promise<number> {
  const options = readOptions(declared, args);
  const { from, to, release, as, platform } = options;
  if (to === "" || to === from) {
    const problem = to === "" ? "name the stack to copy to" : "name two different stacks";
    throw new InputError(
      `${problem}, such as make promote FROM=local TO=prod (given: FROM=${from} TO=${to})`,
    );
  }
  if (as !== "" && !isRelease(as)) {
    throw new InputError(`AS is "${as}", but must be a semantic version after a v, such as v2.2.0`);
  }
  const target = openStack({ stack: to, platform });
  const host = variable(process.env, "TINYOLLY_REGISTRY_HOST");
  target.leave();
  // A token that names no registry is for the one that is written to.
  if (variable(process.env, "TINYOLLY_REGISTRY_TOKEN") && host !== undefined)
    process.env["TINYOLLY_REGISTRY_HOST"] = host;
  const source = openStack({ stack: from, platform });
  try {
    const original = await readOriginal(source, from, release);
    source.leave();
    if (platform) enterStack(to);
    const record = renamed(original, as || original.release);
    const attest = await requireAttester(target, to, platform);
    await requireWhole(source.client, source.namespace, original, "publish it again first");
    const { client, namespace, settings } = target;
    await transferRelease({
      ...{ record, source: source.client, from: source.namespace },
      ...{ target: client, to: namespace, attest, log },
    });
    const attestRecord = attest && ((digest: string) => attest(record, { record: digest }));
    const { digest, isNew } = await storeRelease(client, namespace, record, attestRecord);
    const aliases = await moveAliases(client, namespace, { record, digest }, settings.aliases);
    const lines = [
      `${record.release} is in ${client.host}/${namespace}${isNew ? "" : ", as it was before"}`,
      ...aliases.map((alias) => `${alias} is ${record.release}`),
      `record ${digest}`,
      `Next: make rollback TO=${record.release} STACK=${to} points its Applications at it.`,
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
    return 0;
  } finally {
    source.client.close();
    target.client.close();
  }
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

/**
 * Who signs for the stack that gets the copy; undefined where it does not sign.
 *
 * @throws InputError where signing would fail.
 */
async function requireAttester(
  { client, namespace, settings }: OpenStack,
  stack: string,
  platform: boolean,
): Promise<Attester | undefined> {
  if (platform) await enterSigner(stack);
  const { signing, publishing } = settings;
  const problem = signingProblem(signing, process.env);
  if (problem !== undefined) throw new InputError(problem);
  const { push: host, pushTls: tls } = publishing.endpoints;
  return attester({ registry: { host, tls, namespace }, signing, client });
}

/** What is copied, with where it is copied from. */
async function readOriginal(
  { client, namespace, settings }: OpenStack,
  stack: string,
  release: string,
): Promise<ReleaseRecord> {
  const registry = `${client.host}/${namespace}`;
  if (release !== "") {
    const { record, digest } = await requireRelease(client, namespace, release);
    return { ...record, origin: { registry, release: record.release, digest } };
  }
  const { pullFolder, versions } = settings.plan;
  const record = releaseOfState(
    stack,
    await readStackState(stack),
    pullFolder,
    versions.line ?? releaseLine(ownVersion()),
  );
  return { ...record, origin: { registry, release: record.release } };
}

/** The same release under another version, which its images get as well. */
function renamed(record: ReleaseRecord, release: string): ReleaseRecord {
  const images = Object.entries(record.images).map(([name, image]) => [
    name,
    // A development image keeps the tag that its chart names.
    isRelease(release) ? { ...image, tag: release } : image,
  ]);
  return {
    ...record,
    release,
    // Each entry is an image as before.
    images: Object.fromEntries(images) as ReleaseRecord["images"],
  };
}
