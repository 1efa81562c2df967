import { parseJson } from "../basics/json-fields.ts";

/** Keys that Pulumi.yaml does not declare, since it wants a value for each secret that it declares. */
export const secretKeys: readonly string[] = ["registryToken"];

/**
 * Says which secrets a configuration holds in the clear.
 *
 * @param isEncrypted Whether a key, with its namespace, is encrypted.
 */
export function openSecrets(
  configuration: Readonly<Record<string, unknown>>,
  isEncrypted: (key: string) => boolean,
): string[] {
  return secretKeys
    .map((key) => ({ key, full: `tinyolly:${key}` }))
    .filter(({ full }) => configuration[full] !== undefined && !isEncrypted(full))
    .map(
      ({ key }) =>
        `"${key}" is in the clear; change it where it is made, and set the new one with: pulumi config set --secret ${key} …`,
    );
}

/** Which keys are encrypted, as Pulumi tells a program in PULUMI_CONFIG_SECRET_KEYS. */
export function encryptedKeys(env: NodeJS.ProcessEnv): (key: string) => boolean {
  const listed = parseJson(Buffer.from(env["PULUMI_CONFIG_SECRET_KEYS"] ?? "[]"));
  const keys = new Set(Array.isArray(listed) ? (listed as unknown[]) : []);
  return (key) => keys.has(key);
}
