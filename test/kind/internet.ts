/**
 * Stands for Docker Hub and GitHub: `node internet.ts FOLDER REGISTRY MANIFEST`. What is asked of Docker Hub comes from the mirror in a
 * registry, and Argo CD's manifest from a file.
 */
import { createReadStream, readFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, request } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";

const [folder = "", registry = "", manifest = ""] = process.argv.slice(2);

function answer(asked: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(asked.url ?? "/", "https://internet");
  if (asked.headers.host === "raw.githubusercontent.com") {
    if (pathname.endsWith("/manifests/install.yaml")) createReadStream(manifest).pipe(response);
    else response.writeHead(404).end();
    return;
  }
  const path = pathname.replace(/^\/v2\/(?=.)/, "/v2/mirror/");
  const { host, port } = new URL(registry);
  const { method, headers } = asked;
  const passed = request(
    { ...{ host: host.split(":")[0], port, path, method, headers } },
    (got) => {
      response.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(response);
    },
  );
  passed.once("error", () => {
    response.destroy();
  });
  asked.pipe(passed);
}

const [key, cert] = ["tls.key", "tls.crt"].map((name) => readFileSync(join(folder, name)));
createServer({ key, cert }, answer).listen(443, "127.0.0.1", () => {
  process.stdout.write("ready\n");
});
