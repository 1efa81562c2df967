import { createHash } from "node:crypto";

/** SHA-256 of bytes or text, in hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Start of a hash in hex, as long as tags, folders and people need it. */
export function shortHash(hash: string): string {
  return hash.slice(0, 12);
}
