import type { ReleasedImage } from "../delivery/releases/record.ts";

/** An image of a release; what is not given does not matter. */
export function releasedImage(
  image: Pick<ReleasedImage, "path" | "digest"> & Partial<ReleasedImage>,
): ReleasedImage {
  return {
    ...{ key: "0".repeat(64), tag: "v2.1.8", platforms: ["linux/amd64"] },
    ...{ buildArgs: {}, bases: {}, needs: [] },
    ...image,
  };
}
