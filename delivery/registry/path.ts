import { RegistryFailure } from "./problem.ts";
import type { Scope } from "./types.ts";

/**
 * Path of what is asked of a repository: `/v2/owner/webui/manifests/v1`.
 *
 * @throws RegistryFailure when it would lead elsewhere.
 */
export function pathIn(
  { repository }: Pick<Scope, "repository">,
  kind: "blobs" | "manifests" | "referrers" | "tags",
  name: string,
): string {
  const path = `/v2/${repository}/${kind}/${name}`;
  // An address leaves out "." and "..", however they are written, with what is before them.
  const isKept = new URL(path, "http://registry").pathname === path;
  if (isKept && name !== "" && !path.includes("//")) return path;
  throw new RegistryFailure(
    `its path ${JSON.stringify(path)} has segments that are empty, "." or "..", or characters that no name has; correct what refers to it`,
  );
}
