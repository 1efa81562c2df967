import { InputError } from "../../delivery/basics/input-error.ts";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { isDigest, isThisMachine } from "../../delivery/registry/references.ts";
import type { BaseLock } from "../../delivery/sources/base-lock.ts";

/** One base image as the lock and its registry have it. */
export interface Base {
  /** Reference as Dockerfiles hold it. */
  readonly reference: string;
  /** `sha256:…` in the lock; undefined where the lock has none. */
  readonly locked: string | undefined;
  /** `sha256:…` that its tag holds now. */
  readonly current: string;
}

const dockerHub = { host: "registry-1.docker.io", namespace: "library" } as const;

/**
 * Asks the registry of each base image what its tag holds now. References that carry a digest are left out.
 *
 * @param mirror `host/folder` that serves Docker Hub's images over plain HTTP, as the builder's mirror does.
 * @throws InputError when a registry does not answer or does not have a tag.
 */
export async function resolveBases(
  references: readonly string[],
  lock: BaseLock,
  mirror: string | undefined,
): Promise<Base[]> {
  const clients = new Map<string, RegistryClient>();
  try {
    return await Promise.all(
      references
        .filter((reference) => !isDigest(reference.slice(reference.indexOf("@") + 1)))
        .map(async (reference) => {
          const { host, plainHttp, repository, tag } = locate(reference, mirror);
          const client =
            clients.get(host) ??
            new RegistryClient({ host, tls: plainHttp ? "plain-http" : "verify" });
          clients.set(host, client);
          const manifest = await client.getManifest(repository, tag);
          if (!manifest) {
            throw new InputError(
              `${reference} is not in ${host}; correct the FROM in its Dockerfile, or the dependency in its Chart.yaml, or push it there`,
            );
          }
          return { reference, locked: lock.get(reference), current: manifest.digest };
        }),
    );
  } finally {
    for (const client of clients.values()) client.close();
  }
}

interface Location {
  readonly host: string;
  readonly plainHttp: boolean;
  readonly repository: string;
  readonly tag: string;
}

function locate(reference: string, mirror: string | undefined): Location {
  const [, name = "", tag = "latest"] = /^(.*?)(?::([^/:]+))?$/.exec(reference) ?? [];
  const [first = "", ...rest] = name.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (isHost && first !== "docker.io")
    return { host: first, plainHttp: isThisMachine(first), repository: rest.join("/"), tag };
  const path = isHost ? rest.join("/") : name;
  const official = path.includes("/") ? path : `${dockerHub.namespace}/${path}`;
  if (mirror === undefined)
    return { host: dockerHub.host, plainHttp: false, repository: official, tag };
  const [host = "", ...folder] = mirror.split("/");
  return { host, plainHttp: true, repository: [...folder, official].join("/"), tag };
}
