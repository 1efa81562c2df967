import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders } from "node:http";
import { createServer } from "node:https";
import { expect, onTestFinished, test } from "vitest";
import { apiServerCertificate, token } from "../../../platform/cluster/access.ts";
import { apiServer } from "../../../platform/cluster/control-plane.ts";
import { get } from "../../../platform/machine/http.ts";
import { startService } from "../../../platform/machine/processes.ts";
import { type Certificate, selfSigned } from "../../../platform/machine/state-files.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";
import { freePort } from "../../free-port.ts";

async function platform(): Promise<PlatformSettings> {
  return readPlatformSettings({
    TINYOLLY_STATE: folderWith({}),
    TINYOLLY_PORT_API_SERVER: String(await freePort()),
  });
}

/** An HTTPS server in the API server's place; what it is asked with is recorded. */
async function impersonate(
  { ports }: PlatformSettings,
  { certificate, key }: Certificate,
): Promise<IncomingHttpHeaders[]> {
  const asked: IncomingHttpHeaders[] = [];
  const options = { cert: readFileSync(certificate), key: readFileSync(key) };
  const server = createServer(options, ({ headers }, response) => {
    asked.push(headers);
    response.end("ok");
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((ready) => server.listen(ports.apiServer, "127.0.0.1", ready));
  return asked;
}

/** Like the API server's in everything but its key. */
function forgedCertificate(): Certificate {
  return selfSigned(folderWith({}), "/CN=tinyolly:kube-apiserver", "IP:127.0.0.1,DNS:localhost");
}

test("the API server is asked with the administrator's token, once it has proved who it is", async () => {
  const settings = await platform();
  const asked = await impersonate(settings, apiServerCertificate(settings));
  expect(await apiServer(settings).ready()).toBe(true);
  expect(asked).toMatchObject([{ authorization: `Bearer ${token(settings, "admin")}` }]);
});

test("a server in its place gets no token, and is named", async () => {
  const settings = await platform();
  const asked = await impersonate(settings, forgedCertificate());
  const service = apiServer(settings);
  await expect(service.ready()).rejects.toThrow("self-signed certificate");
  await expect(startService(settings.state, service)).rejects.toThrow(
    `port ${settings.ports.apiServer} of kube-apiserver is taken by node (process ${process.pid}, started in `,
  );
  expect(asked).toEqual([]);
});

test("the API server has the certificate that everybody is told to trust", async () => {
  const settings = await platform();
  const { certificate, key } = apiServerCertificate(settings);
  const { command } = apiServer(settings);
  expect(command).toContain(`--tls-cert-file=${certificate}`);
  expect(command).toContain(`--tls-private-key-file=${key}`);
  const kubeconfig = readFileSync(`${settings.state}/kubeconfig`, "utf8");
  expect(kubeconfig).toContain(JSON.stringify(certificate));
});

test.each(["https://127.0.0.1:1", "http://127.0.0.1:1"])(
  "a token is sent to no server that is not verified, such as %s",
  async (url) => {
    await expect(get(url, { authorization: "Bearer secret" })).rejects.toThrow(
      `a token is meant for ${url}, which is not verified; give its authority`,
    );
  },
);

test("the certificate holds all names by which the API is reached", async () => {
  const settings = await platform();
  const { certificate } = apiServerCertificate(settings);
  const names = execFileSync(
    "openssl",
    ["x509", "-in", certificate, "-noout", "-ext", "subjectAltName"],
    { encoding: "utf8" },
  );
  for (const name of [
    "IP Address:127.0.0.1",
    "IP Address:10.244.0.1",
    "IP Address:10.96.0.1",
    "DNS:localhost",
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
  ])
    expect(names).toContain(name);
});
