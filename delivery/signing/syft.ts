import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { InputError } from "../basics/input-error.ts";
import { parseJson } from "../basics/json-fields.ts";
import type { RegistryAddress } from "../registry/types.ts";
import { lastLine, runTool } from "./run-tool.ts";
import type { ListedImage } from "./sbom.ts";

/**
 * Has syft list what is in an image of a registry, as an SPDX 2.3 document.
 *
 * @param folder A private folder for what syft writes.
 * @throws InputError with syft's own words when it cannot.
 */
export async function listImage(
  { host, tls }: RegistryAddress,
  repository: string,
  { name, digest, platform }: ListedImage,
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<unknown> {
  const reference = `${host}/${repository}@${digest}`;
  const own = mkdtempSync(join(folder, "syft-"));
  const [output, configuration] = [join(own, "sbom.json"), join(own, "syft.yaml")];
  try {
    // A user's own configuration may leave packages out, or look them up elsewhere.
    writeFileSync(configuration, "{}\n");
    const args = [
      "scan",
      `registry:${reference}`,
      `--config=${configuration}`,
      `--platform=${platform}`,
      `--source-name=${name}`,
      `--source-version=${digest}`,
      `--output=spdx-json@2.3=${output}`,
    ];
    const { status, stderr } = await runTool("syft", args, {
      ...env,
      TMPDIR: own,
      SYFT_CHECK_FOR_APP_UPDATE: "false",
      SYFT_LOG_LEVEL: "error",
      SYFT_FILE_METADATA_SELECTION: "none",
      SYFT_REGISTRY_INSECURE_SKIP_TLS_VERIFY: String(tls !== "verify"),
      SYFT_REGISTRY_INSECURE_USE_HTTP: String(tls !== "verify"),
    });
    if (status === 0) return parseJson(readFileSync(output));
    throw new InputError(`syft could not list ${reference}: ${reason(stderr)}`);
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

/** The registry's answer; syft also tries whether the image is a model, which fails as well. */
function reason(stderr: string): string {
  const text = stripVTControlCharacters(stderr);
  return /oci-registry: (.*)/.exec(text)?.[1] ?? lastLine(text);
}
