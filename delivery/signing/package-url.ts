/** Package URL of an image or chart by its digest; it names no registry, since a copy elsewhere is the same. */
export function ociPurl(name: string, digest: string, architecture = ""): string {
  const short = name.slice(name.lastIndexOf("/") + 1).toLowerCase();
  const qualifier = architecture === "" ? "" : `?arch=${architecture}`;
  return `pkg:oci/${encodeURIComponent(short)}@${encodeURIComponent(digest)}${qualifier}`;
}

/**
 * Package URL of an image from elsewhere, such as `python:3.14-slim` or `ghcr.io/owner/base:v1`.
 *
 * @param digest `sha256:…`, or nothing where only the tag decides.
 */
export function imagePurl(reference: string, digest: string): string {
  const bare = reference.replace(/@.*$/, "");
  const colon = bare.lastIndexOf(":");
  const hasTag = colon > bare.lastIndexOf("/");
  const [path, tag] = hasTag ? [bare.slice(0, colon), bare.slice(colon + 1)] : [bare, ""];
  const [first = "", ...others] = path.split("/");
  const hasHost = others.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const repository = hasHost ? path : `docker.io/${others.length > 0 ? path : `library/${path}`}`;
  const name = repository.slice(repository.lastIndexOf("/") + 1).toLowerCase();
  const version = digest === "" ? "" : `@${encodeURIComponent(digest)}`;
  const qualifiers = [
    `repository_url=${encodeURIComponent(repository)}`,
    ...(tag === "" ? [] : [`tag=${encodeURIComponent(tag)}`]),
  ];
  return `pkg:oci/${encodeURIComponent(name)}${version}?${qualifiers.join("&")}`;
}
