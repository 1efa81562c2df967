import { isUtf8 } from "node:buffer";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../basics/input-error.ts";

/** Names without capitals that every file system keeps apart. */
const plainName = /^[ -@[-~]+$/;

/**
 * Refuses a name that not every tool on the way can hold.
 *
 * @throws InputError when `name` in `folder` has control characters or is not UTF-8.
 */
export function requirePortableName(folder: string, name: string): void {
  if (plainName.test(name)) return;
  if (/\p{Cc}/u.test(name)) {
    throw new InputError(
      `${folder} has a file whose name holds a control character: ${JSON.stringify(name)}; ` +
        `rename it, or list it in the ignore file`,
    );
  }
  // Node puts U+FFFD where bytes are not UTF-8, but a name may also hold that character itself.
  const wrong = name.includes("\uFFFD") ? readInvalidNames(folder).get(name) : undefined;
  if (wrong !== undefined) {
    throw new InputError(
      `${folder} has a file whose name is not UTF-8: "${wrong}"; rename it, or list it in the ignore file`,
    );
  }
}

/**
 * Refuses names that are one and the same file on macOS and Windows.
 *
 * @throws InputError when two of the `names` in `folder` differ only in case or Unicode normalisation.
 */
export function refuseClashes(folder: string, names: readonly string[]): void {
  if (names.every((name) => plainName.test(name))) return;
  const seen = new Map<string, string>();
  for (const name of names) {
    const folded = name.normalize("NFC").toLowerCase();
    const other = seen.get(folded);
    if (other !== undefined) {
      throw new InputError(
        `${join(folder, other)} and ${join(folder, name)} differ only in case or Unicode normalisation, so macOS and ` +
          `Windows cannot hold both; rename one, or list it in the ignore file`,
      );
    }
    seen.set(folded, name);
  }
}

/** Names in `folder` that are not UTF-8, with their bytes as escapes, by what Node makes of them. */
function readInvalidNames(folder: string): Map<string, string> {
  return new Map(
    readdirSync(folder, { encoding: "buffer" })
      .filter((name) => !isUtf8(name))
      .map((name) => [name.toString("utf8"), escapeBytes(name)]),
  );
}

function escapeBytes(name: Buffer): string {
  return name
    .toString("latin1")
    .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
