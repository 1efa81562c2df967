/**
 * Verifies what was published:
 * `node commands/release/verify-cli.ts --ref REF [--key FILE | --identity REGEXP --issuer URL]
 * [--trusted-root FILE] [--tls MODE] [--stack prod] [--json] [--platform]`.
 *
 * Exits with 0 when everything holds, with 1 when something does not, with 2 when it could not be told.
 */
import { readOptions, runMain } from "../../delivery/basics/command-line.ts";
import { InputError } from "../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { type Tls, releaseRepository } from "../../delivery/registry/references.ts";
import { readStackConfiguration } from "../../delivery/settings/stack-configuration.ts";
import { enterStack } from "../../platform/environment.ts";
import { enterReleaseTools } from "../../platform/tools/release-tools.ts";
import { readReference, readTls } from "./reference.ts";
import { renderReport } from "./render.ts";
import { type Setting, authorityOptions, readAuthority } from "./stack-authority.ts";
import { verify } from "./verify.ts";

const declared = {
  ref: { type: "string", default: "" },
  ...authorityOptions,
  tls: { type: "string" },
  stack: { type: "string", default: "prod" },
  json: { type: "boolean", default: false },
  platform: { type: "boolean", default: false },
} as const;

type Options = ReturnType<typeof readOptions<typeof declared>>;

const unknownExitCode = 2;

async function main(): Promise<number> {
  const options = readOptions(declared);
  if (options.platform) enterStack(options.stack);
  const configuration = readStackConfiguration(options.stack);
  const setting = (key: string): string => configuration[`tinyolly:${key}`] ?? "";
  const ref = wholeReference(options.ref, setting);
  const { host } = readReference(ref);
  const authority = readAuthority(options, setting);
  if (options.platform && authority.kind === "keyless") await enterReleaseTools();
  const reader = new RegistryClient({ host, tls: tlsOf(options, host, setting) });
  try {
    const report = await verify({ ref, authority, reader });
    process.stdout.write(
      options.json ? `${JSON.stringify(report, undefined, 2)}\n` : renderReport(report),
    );
    return report.holds ? 0 : 1;
  } finally {
    reader.close();
  }
}

/** A name without a path is a release of the stack. */
function wholeReference(ref: string, setting: Setting): string {
  if (ref === "") {
    throw new InputError(
      "REF is missing; name an image, a chart or a release: make verify REF=ghcr.io/owner/webui:v1, or REF=v2.1.8 for a release of the stack",
    );
  }
  if (ref.includes("/")) return ref;
  return `${setting("registryPush")}/${setting("registryNamespace")}/${releaseRepository}:${ref}`;
}

/** As it was given, or as the stack speaks to its own registry. */
function tlsOf({ tls }: Options, host: string, setting: Setting): Tls {
  const own = setting("registryPush") === host ? setting("registryPushTls") : "verify";
  return readTls(tls ?? own);
}

runMain("verify", main, unknownExitCode);
