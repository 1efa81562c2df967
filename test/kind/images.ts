import { copyFileSync, cpSync, linkSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildFolder, makeDebian } from "../../platform/images/build.ts";
import { makeOnce } from "../../platform/machine/draft.ts";
import type { PlatformSettings } from "../../platform/settings.ts";
import {
  argocdManifests,
  argocdScripts,
  cniPlugins,
  kindBase,
  kindTools,
  nodeTools,
  pauseProgram,
  platformTools,
} from "../../platform/tools/catalog.ts";
import { provideFiles, provideTools } from "../../platform/tools/provide.ts";

type Log = (line: string) => void;

const suite = "bookworm";
const packages = [
  ...["systemd", "dbus", "runc", "mount", "util-linux", "kmod", "procps", "hostname", "jq", "curl"],
  ...["iptables", "nftables", "iproute2", "conntrack", "ethtool", "socat", "ca-certificates"],
  // Argo CD and its cache.
  ...["git", "gnupg", "openssh-client", "tini", "redis-server"],
];

const kubernetes = "v1.37.2";

/** Image of the cluster's node, as it is pulled. */
export const nodeImage = `kindest/node:${kubernetes}`;

/** Stage of the Dockerfile for each image, by its path in a registry: what kubeadm, Argo CD and buildx of these versions ask for. */
const images: Readonly<Record<string, string>> = {
  [nodeImage]: "node",
  [`kube-apiserver:${kubernetes}`]: "kube-apiserver",
  [`kube-controller-manager:${kubernetes}`]: "kube-controller-manager",
  [`kube-scheduler:${kubernetes}`]: "kube-scheduler",
  [`kube-proxy:${kubernetes}`]: "kube-proxy",
  "etcd:3.7.0-0": "etcd",
  "coredns/coredns:v1.14.6": "coredns",
  "pause:3.10.2": "pause",
  "library/registry:3.0.0": "registry",
  "moby/buildkit:buildx-stable-1": "buildkit",
  "argoproj/argocd:v3.6.1": "argocd",
  "dexidp/dex:v2.46.0": "dex",
  "docker/library/redis:8.10.1-alpine": "redis",
};

/** What was made. */
export interface KindPrograms {
  /** Path of a program, by its name. */
  readonly path: (name: string) => string;
  /** File that installs Argo CD. */
  readonly manifest: string;
}

/** Provides the programs of a kind cluster, of which most are the platform's own. */
export async function providePrograms(
  { cache }: PlatformSettings,
  log: Log,
): Promise<KindPrograms> {
  const tools = [...platformTools, ...nodeTools, ...cniPlugins, pauseProgram, ...kindTools];
  const found = await provideTools(tools, cache, log);
  const path = (name: string): string => {
    const tool = found.get(name);
    if (!tool) throw new Error(`${name} is no tool of the catalog`);
    return tool.path;
  };
  const manifests = await provideFiles(argocdManifests, cache, log);
  return { path, manifest: join(manifests, "install.yaml") };
}

/**
 * Makes all images and puts them into the mirror of the platform's registry.
 *
 * @param registry address of that registry as the cluster's node reaches it.
 * @param authorities certificates that the builder is to trust.
 */
export async function makeImages(
  settings: PlatformSettings,
  { path }: KindPrograms,
  context: string,
  { registry, authorities }: { registry: string; authorities: string },
  log: Log,
): Promise<void> {
  const { cache, ports } = settings;
  mkdirSync(context, { recursive: true });
  const root = join(cache, "base-images", `debian-${suite}-kind.tar`);
  await makeOnce({ path: root, label: `Debian ${suite}`, log }, (draft) =>
    makeDebian(
      suite,
      [
        ...["--variant=minbase", `--include=${packages.join(",")}`],
        ...["man", "doc", "locale"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`),
      ],
      join(draft, "root.tar"),
    ),
  );
  const take = (from: string, name: string): void => {
    try {
      linkSync(from, join(context, name));
    } catch {
      // On another file system.
      copyFileSync(from, join(context, name));
    }
  };
  take(root, "root.tar");
  for (const name of programs) take(path(name), name);
  cpSync(await provideFiles(kindBase, cache, log), join(context, "base"), { recursive: true });
  const scripts = await provideFiles(argocdScripts, cache, log);
  mkdirSync(join(context, "argocd-scripts"));
  for (const name of ["gpg-wrapper.sh", "git-verify-wrapper.sh"])
    copyFileSync(join(scripts, name), join(context, "argocd-scripts", name));
  copyFileSync(authorities, join(context, "authorities.crt"));
  copyFileSync(join(import.meta.dirname, "Dockerfile"), join(context, "Dockerfile"));
  cpSync(join(import.meta.dirname, "node"), join(context, "node"), { recursive: true });
  const hosts = join(context, "node/etc/containerd/certs.d/_default");
  mkdirSync(hosts, { recursive: true });
  writeFileSync(
    join(hosts, "hosts.toml"),
    `[host."${registry}/v2/mirror"]\n  capabilities = ["pull", "resolve"]\n  override_path = true\n`,
  );
  mkdirSync(join(context, "node/kind"), { recursive: true });
  writeFileSync(join(context, "node/kind/version"), kubernetes);
  for (const [name, stage] of Object.entries(images)) {
    log(`image ${name}`);
    await buildFolder(settings, context, [
      `--opt=target=${stage}`,
      `--output=type=image,name=localhost:${ports.registry}/mirror/${name},push=true,registry.insecure=true,compression=uncompressed`,
    ]);
  }
}

/** Programs that the Dockerfile copies. */
const programs = [
  ...readFileSync(join(import.meta.dirname, "Dockerfile"), "utf8").matchAll(/^COPY (.*) \S+$/gm),
]
  .flatMap(([, names = ""]) => names.split(" "))
  .filter((name) => !/^(base|node)$|\/$|\.crt$/.test(name));
