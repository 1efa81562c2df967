import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "../../../delivery/basics/sha256.ts";
import { readDescriptor } from "../../../delivery/registry/manifest-reader.ts";
import type { Descriptor } from "../../../delivery/registry/types.ts";
import { mediaTypes } from "../../fake-registry-answers.ts";
import { freePort } from "../../free-port.ts";

/** A registry of the platform's kind on a free port, with its data in a folder of its own; close it when done. */
export class RealRegistry {
  /** Host and port; plain HTTP. */
  public readonly host: string;
  private readonly folder: string;
  private readonly child: ChildProcess;

  private constructor(
    /** Host and port; plain HTTP. */
    host: string,
    folder: string,
    child: ChildProcess,
  ) {
    this.host = host;
    this.folder = folder;
    this.child = child;
  }

  /** Starts the program, and resolves once it answers. */
  public static async start(program: string): Promise<RealRegistry> {
    const folder = mkdtempSync(join(tmpdir(), "tinyolly-registry-"));
    const host = `127.0.0.1:${await freePort()}`;
    const configuration = {
      version: "0.1",
      log: { accesslog: { disabled: false } },
      storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
      http: { addr: host, secret: "test" },
    };
    writeFileSync(join(folder, "registry.yml"), JSON.stringify(configuration));
    const log = createWriteStream(join(folder, "log"));
    const child = spawn(program, ["serve", join(folder, "registry.yml")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    const registry = new RealRegistry(host, folder, child);
    for (let tries = 0; tries < 100; tries++) {
      const answers = await fetch(`http://${host}/v2/`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (answers) return registry;
      await sleep(50);
    }
    registry.close();
    throw new Error("the registry does not answer");
  }

  /** Number of requests so far that wrote something. */
  public writes(): number {
    return (
      readFileSync(join(this.folder, "log"), "utf8").match(/"(?:PUT|POST|PATCH|DELETE) /g)
        ?.length ?? 0
    );
  }

  /** Stores a blob. */
  public async putBlob(
    repository: string,
    content: string | Buffer,
    mediaType: string,
  ): Promise<Descriptor> {
    const digest = `sha256:${sha256(content)}`;
    const start = await this.send("POST", `${repository}/blobs/uploads/`);
    const url = new URL(start.headers.get("location") ?? "", `http://${this.host}`);
    url.searchParams.set("digest", digest);
    await this.send("PUT", url, "application/octet-stream", content);
    return { mediaType, digest, size: Buffer.byteLength(content) };
  }

  /** Stores a manifest under a tag, or under its digest alone. Returns its digest. */
  public async put(repository: string, body: unknown, tag?: string): Promise<string> {
    const text = JSON.stringify(body);
    const digest = `sha256:${sha256(text)}`;
    const type = text.includes('"manifests":[') ? mediaTypes.index : mediaTypes.manifest;
    await this.send("PUT", `${repository}/manifests/${tag ?? digest}`, type, text);
    return digest;
  }

  /** Stores a manifest with a config and a layer. Returns its digest. */
  public async putImage(
    repository: string,
    config: unknown,
    configType: string,
    layer: Buffer,
    tag?: string,
  ): Promise<string> {
    const layerType = "application/vnd.oci.image.layer.v1.tar+gzip";
    const body = {
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      config: await this.putBlob(repository, JSON.stringify(config), configType),
      layers: [await this.putBlob(repository, layer, layerType)],
    };
    return this.put(repository, body, tag);
  }

  /** Replaces the bundle of a type that is attached to a digest; the others stay. Returns what undoes it. */
  public async replaceBundle(
    repository: string,
    digest: string,
    predicateType: string,
    change: (bundle: string) => string,
  ): Promise<() => Promise<void>> {
    const tag = digest.replace(":", "-");
    const index = await this.get(`${repository}/manifests/${tag}`);
    // cosign writes manifests of this form.
    const { manifests } = JSON.parse(index) as { manifests: Descriptor[] };
    for (const [i, referrer] of manifests.entries()) {
      const text = await this.get(`${repository}/manifests/${referrer.digest}`);
      // As above.
      const manifest = JSON.parse(text) as {
        annotations: Record<string, string>;
        layers: unknown[];
      };
      if (manifest.annotations["dev.sigstore.bundle.predicateType"] !== predicateType) continue;
      const layer = readDescriptor(manifest.layers[0]);
      const bundle = await this.get(`${repository}/blobs/${layer.digest}`);
      const changed = await this.putBlob(repository, change(bundle), layer.mediaType);
      const written = await this.put(repository, { ...manifest, layers: [changed] });
      const replaced = manifests.with(i, { ...referrer, digest: written });
      await this.put(repository, { ...(JSON.parse(index) as object), manifests: replaced }, tag);
    }
    return async () => {
      await this.put(repository, JSON.parse(index), tag);
    };
  }

  public close(): void {
    this.child.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async get(path: string): Promise<string> {
    return (await this.send("GET", path)).text();
  }

  private async send(
    method: string,
    path: string | URL,
    type?: string,
    body?: string | Buffer,
  ): Promise<Response> {
    const url = typeof path === "string" ? `http://${this.host}/v2/${path}` : path;
    const accept = Object.values(mediaTypes).join(", ");
    const headers = type === undefined ? { accept } : { accept, "content-type": type };
    const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body }) });
    if (!answer.ok) throw new Error(`${method} ${String(url)}: ${answer.status}`);
    return answer;
  }
}
