import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import {
  type Certificate,
  ensureFolder,
  secret,
  selfSigned,
  writeConfig,
  writeIfOther,
} from "../machine/state-files.ts";
import {
  type PlatformSettings,
  apiServiceAddress,
  clusterDomain,
  kubeContext,
  nodeAddress,
  nodeName,
} from "../settings.ts";

/** Who talks to the cluster's API, with the groups that give the rights. */
const users = {
  admin: { user: "admin", groups: ["system:masters"] },
  "controller-manager": { user: "system:kube-controller-manager", groups: [] },
  scheduler: { user: "system:kube-scheduler", groups: [] },
  kubelet: { user: `system:node:${nodeName}`, groups: ["system:nodes"] },
  proxy: { user: "system:kube-proxy", groups: [] },
  coredns: { user: "tinyolly:coredns", groups: [] },
  volumes: { user: "tinyolly:volumes", groups: [] },
} as const;

/** Name of a user's kubeconfig. */
export type User = keyof typeof users;

/** Kubeconfig of the platform's administrator. */
export function kubeconfigFile({ state }: PlatformSettings): string {
  return join(state, "kubeconfig");
}

/** Address of the API as the host reaches it. */
export function apiAddress({ ports }: PlatformSettings): string {
  return `https://127.0.0.1:${ports.apiServer}`;
}

/** Token of a user; secret. */
export function token(settings: PlatformSettings, user: User): string {
  return secret(settings, `${user}-token`);
}

/** Folder of the API server's certificates and keys. */
export function pkiFolder({ state }: PlatformSettings): string {
  return ensureFolder(join(state, "kubernetes", "pki"));
}

/** Certificate of the API server; everybody who is to trust it is given its file. */
export function apiServerCertificate(settings: PlatformSettings): Certificate {
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const addresses = ["127.0.0.1", nodeAddress, apiServiceAddress];
  const altName = [
    ...[...names, `kubernetes.default.svc.${clusterDomain}`, "localhost"].map(
      (one) => `DNS:${one}`,
    ),
    ...addresses.map((one) => `IP:${one}`),
  ];
  const subject = "/CN=tinyolly:kube-apiserver";
  return selfSigned(pkiFolder(settings), subject, altName.join(","), "apiserver.crt");
}

/** For a request to the API server that carries a token, which nobody else may get. */
export function apiServerTrust(settings: PlatformSettings): { readonly ca: string } {
  return { ca: readFileSync(apiServerCertificate(settings).certificate, "utf8") };
}

/** Certificate by which the kubelet knows the API server. */
export function kubeletClient(settings: PlatformSettings): Certificate {
  const subject = "/CN=tinyolly:kube-apiserver";
  return selfSigned(join(pkiFolder(settings), "kubelet-client"), subject, "DNS:kube-apiserver");
}

/** Certificate of the kubelet's own server. */
export function kubeletServer(settings: PlatformSettings): Certificate {
  const folder = join(pkiFolder(settings), "kubelet-server");
  return selfSigned(folder, `/CN=${nodeName}`, `IP:${nodeAddress},DNS:${nodeName}`);
}

/** Certificate of etcd's own server. */
export function etcdServer(settings: PlatformSettings): Certificate {
  return selfSigned(join(pkiFolder(settings), "etcd-server"), "/CN=tinyolly:etcd", "IP:127.0.0.1");
}

/** Certificate by which etcd knows the API server; nobody else may ask it. */
export function etcdClient(settings: PlatformSettings): Certificate {
  const subject = "/CN=tinyolly:kube-apiserver";
  return selfSigned(join(pkiFolder(settings), "etcd-client"), subject, "DNS:kube-apiserver");
}

/** Key that signs the tokens of service accounts. */
export function accountKey(settings: PlatformSettings): string {
  const file = join(pkiFolder(settings), "service-accounts.key");
  if (!existsSync(file)) {
    // Not genpkey: the API server takes no public key out of PKCS #8.
    const draft = `${file}.draft`;
    const args = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", draft];
    execFileSync("openssl", args, { stdio: "ignore" });
    chmodSync(draft, 0o600);
    renameSync(draft, file);
  }
  return file;
}

/** Users and tokens as the API server reads them. */
export function tokenFile(settings: PlatformSettings): string {
  // The keys of a literal type.
  const rows = (Object.keys(users) as User[]).map((name) => {
    const { user, groups } = users[name];
    return `${token(settings, name)},${user},${user},"${groups.join(",")}"\n`;
  });
  return writeConfig(settings, "tokens.csv", rows.join(""));
}

/** How Secrets are kept in etcd: encrypted by a key that never leaves the state folder. */
export function encryptionFile(settings: PlatformSettings): string {
  const key = createHash("sha256").update(secret(settings, "etcd-encryption-key")).digest("base64");
  const config = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [
      {
        resources: ["secrets"],
        // The second one reads what an older platform wrote.
        providers: [{ secretbox: { keys: [{ name: "key", secret: key }] } }, { identity: {} }],
      },
    ],
  };
  return writeConfig(settings, "encryption.json", JSON.stringify(config));
}

/** Writes the administrator's kubeconfig. */
export function writeAdminKubeconfig(settings: PlatformSettings): void {
  writeKubeconfig(settings, kubeconfigFile(settings), apiAddress(settings), "admin");
}

/** Writes a kubeconfig for a server of the platform, and returns its path. */
export function serverKubeconfig(
  settings: PlatformSettings,
  user: User,
  address = apiAddress(settings),
): string {
  const file = join(ensureFolder(join(settings.state, "config")), `${user}.kubeconfig`);
  writeKubeconfig(settings, file, address, user);
  return file;
}

function writeKubeconfig(
  settings: PlatformSettings,
  file: string,
  server: string,
  user: User,
): void {
  const authority = apiServerCertificate(settings).certificate;
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: kubeContext, cluster: { server, "certificate-authority": authority } }],
    users: [{ name: kubeContext, user: { token: token(settings, user) } }],
    contexts: [{ name: kubeContext, context: { cluster: kubeContext, user: kubeContext } }],
    "current-context": kubeContext,
  };
  writeIfOther(file, JSON.stringify(config, undefined, 2));
}
