import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  encryptionFile,
  kubeletServer,
  serverKubeconfig,
  tokenFile,
  writeAdminKubeconfig,
} from "../../../platform/cluster/access.ts";
import { apiServer, controllerManager } from "../../../platform/cluster/control-plane.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

const platform = (): PlatformSettings =>
  readPlatformSettings({ TINYOLLY_STATE: folderWith({}), TINYOLLY_PORT_API_SERVER: "6444" });

const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

test("each server of the platform has the rights of its role, and only the administrator has all", () => {
  const rows = readFileSync(tokenFile(platform()), "utf8").trim().split("\n");
  const users = rows.map((row) => /^[0-9a-f]{48},([^,]+),\1,"(.*)"$/.exec(row)?.slice(1));
  expect(users).toEqual([
    ["admin", "system:masters"],
    ["system:kube-controller-manager", ""],
    ["system:kube-scheduler", ""],
    ["system:node:tinyolly", "system:nodes"],
    ["system:kube-proxy", ""],
    ["tinyolly:coredns", ""],
    ["tinyolly:volumes", ""],
  ]);
  expect(new Set(rows.map((row) => row.split(",")[0])).size).toBe(rows.length);
});

test("tokens and keys stay the same from start to start, and only their owner reads them", () => {
  const settings = platform();
  writeAdminKubeconfig(settings);
  const files = [
    tokenFile(settings),
    encryptionFile(settings),
    serverKubeconfig(settings, "scheduler"),
    join(settings.state, "kubeconfig"),
    kubeletServer(settings).key,
  ];
  const before = files.map((file) => readFileSync(file, "utf8"));
  expect(files.map(mode)).toEqual(files.map(() => "600"));
  apiServer(settings);
  expect(files.map((file) => readFileSync(file, "utf8"))).toEqual(before);
});

test("Secrets are encrypted before they reach etcd; what was written in plain text can still be read", () => {
  const config: unknown = JSON.parse(readFileSync(encryptionFile(platform()), "utf8"));
  expect(config).toMatchObject({
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        // 32 bytes in base64.
        providers: [
          { secretbox: { keys: [{ secret: expect.stringMatching(/^[\w+/]{43}=$/) as string }] } },
          { identity: {} },
        ],
      },
    ],
  });
});

test("the API server listens on loopback, knows no anonymous, and trusts only the node's kubelet", () => {
  const settings = platform();
  const { command } = apiServer(settings);
  const serving = join(settings.state, "kubernetes/pki/kubelet-server/tls.crt");
  expect(command).toEqual(
    expect.arrayContaining([
      "--bind-address=127.0.0.1",
      "--secure-port=6444",
      "--anonymous-auth=false",
      "--authorization-mode=Node,RBAC",
      `--kubelet-certificate-authority=${serving}`,
      `--egress-selector-config-file=${join(settings.state, "config/egress.json")}`,
    ]),
  );
  const names = execFileSync("openssl", ["x509", "-in", serving, "-noout", "-ext=subjectAltName"]);
  expect(names.toString()).toContain("IP Address:10.244.0.1");
});

test("no token is in a process list", () => {
  const settings = platform();
  const lines = [apiServer(settings), controllerManager(settings)].map(({ command }) =>
    command.join(" "),
  );
  for (const row of readFileSync(tokenFile(settings), "utf8").trim().split("\n"))
    for (const line of lines) expect(line).not.toContain(row.slice(0, 48));
});
