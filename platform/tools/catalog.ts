import { cosign, syft } from "../../delivery/signing/tools.ts";
import type { ModuleFiles, Tool } from "./find.ts";
import type { GoModule, GoProgram, Patch } from "./go-module.ts";

/** Has a plugin see within a second that its engine was killed, which it outlives by up to five minutes otherwise. */
const endWithEngine = ["5\\*time\\.Minute", "time.Second"] as const;

/** All that the platform runs, but for the language host of Pulumi. */
export const platformModule: GoModule = {
  folder: ".",
  patches: [
    {
      module: "github.com/argoproj/argo-cd/v3",
      edits: {
        // The controller has no setting for the address of its metrics, and nothing here listens beyond loopback.
        "controller/appcontroller.go": [['"0\\.0\\.0\\.0:%d"', '"127.0.0.1:%d"']],
      },
    },
    {
      module: "github.com/moby/buildkit",
      // No caches in the stores of cloud providers, whose libraries are large, and no traces for Jaeger.
      edits: {
        "cmd/buildctl/main.go": [["\\n.*\\bjaeger\\b.*", ""]],
        "cmd/buildkitd/main.go": [
          ["\\n.*\\b(?:azblob|gha|jaeger|s3remotecache)\\b.*", ""],
          [String.raw`\n\tvar verifierProvider [^]*?\n\t\}\n`, ""],
        ],
      },
    },
    {
      module: "github.com/docker/buildx",
      // Nor a login for them.
      edits: {
        "build/opt.go": [
          [String.raw`\n\tawsconfig .*`, ""],
          [String.raw`\n\tctx := context\.TODO\(\)\n\tawsConfig[^]*?(?=\n\}\n)`, ""],
        ],
      },
    },
    {
      module: "helm.sh/helm/v4",
      // No plugins in WebAssembly, which bring a compiler.
      without: ["internal/plugin/runtime_extismv1.go"],
      edits: {
        "internal/plugin/loader.go": [
          [
            String.raw`\n\t(extism )?"(github\.com/(extism|tetratelabs)/|helm.sh/helm/v4/pkg/helmpath").*`,
            "",
          ],
          [String.raw`\n\tcc, err := wazero[^]*?\n\t\}\n`, ""],
          [String.raw`\n\t\t\t"extism/v1": [^]*?\n\t\t\t\},`, ""],
        ],
        "internal/plugin/metadata.go": [[String.raw`\n\tcase "extism/v1":\n.*`, ""]],
      },
    },
    {
      module: "github.com/pulumi/pulumi/pkg/v3",
      // No states, secrets and logs in the services of cloud providers, whose libraries are a third of the CLI.
      without: ["aws", "cloud_aws", "gcp"].map((name) => `operations/operations_${name}.go`),
      edits: {
        // Nor the agent and the viewer of traces, which nothing here has a use for.
        "cmd/pulumi/pulumi.go": [
          [String.raw`\n\t"[^"\n]*/cmd/pulumi/(neo|trace)"`, ""],
          [String.raw`\n\t+(neo|trace)\.New\w+\(\),`, ""],
        ],
        "operations/resources.go": [["return \\w+OperationsProvider\\(.*\\)", "return nil, nil"]],
        "backend/diy/backend.go": [
          [String.raw`\n\t(_ )?"(gocloud\.dev/blob/(azure|gcs|s3)blob|[^"\n]*/authhelpers)".*`, ""],
          [String.raw`\n\tif p\.Scheme == \w+\.Scheme \{[^]*?\n\t\}`, ""],
          [String.raw`\n\t_ "[^"\n]*/diy/postgres".*`, ""],
        ],
        "backend/diy/bucket.go": [
          [String.raw`\n\t(awss3 .*|"net/url")`, ""],
          [String.raw`\n\t\tvar input \*awss3[^]*?\n\t\t\}`, ""],
          [String.raw`\nfunc fixupS3CopySource[^]*?\n\}`, ""],
        ],
        "secrets/cloud/manager.go": [
          [
            String.raw`\n\t(_ )?"(gocloud\.dev/secrets/\w+|[^"\n]*/(authhelpers|cloudkms/v1))".*`,
            "",
          ],
          [String.raw`\n\tcase gcpkms[^]*?(?=\n\tdefault)`, ""],
        ],
      },
    },
    ...["github.com/ccojocar/zxcvbn-go", "github.com/nbutton23/zxcvbn-go"].map((module): Patch => ({
      module,
      // Lists of passwords, which take a third of the start of each `pulumi`, are read when a secret is looked for.
      edits: {
        // One of them has none, which a copy needs.
        "go.mod": [["^[^]*$", `module ${module}\n\ngo 1.21\n`]],
        "frequency/frequency.go": [["func init\\(\\) \\{", "func Load() {"]],
        "matching/matching.go": [
          ["func init\\(\\) \\{[^]*?\\n\\}\\n", ""],
          ["func loadFrequencyList\\(\\) \\{", "func loadFrequencyList() {\n\tfrequency.Load()"],
        ],
      },
    })),
    {
      module: "github.com/pulumi/pulumi/sdk/v3",
      edits: { "go/pulumi/provider/main.go": [endWithEngine] },
    },
  ],
};

/** A Go module below `tools/modules`, for what is not built with the platform. */
function moduleOf(name: string, patches: GoModule["patches"] = []): GoModule {
  return { folder: `tools/modules/${name}`, patches };
}

/** A main of our own, which links less than upstream's. */
function ownMain(name: string): Pick<GoProgram, "module" | "package" | "sources"> {
  const sources = `tools/cmd/${name}`;
  return { module: platformModule, package: `tinyolly.dev/platform/${sources}`, sources };
}

const kubernetesVersion = "v1.37.2";
const kubernetesVariables = {
  "k8s.io/component-base/version.gitVersion": kubernetesVersion,
  "k8s.io/component-base/version.gitMajor": "1",
  "k8s.io/component-base/version.gitMinor": "37",
  "k8s.io/component-base/version.gitTreeState": "clean",
};

/** What keeps and builds images. */
export const imageTools: readonly Tool[] = [
  { name: "openssl", version: "3", debian: "openssl" },
  { name: "runc", version: "1.1", debian: "runc" },
  { name: "mmdebstrap", version: "1.3", debian: "mmdebstrap" },
  {
    name: "registry",
    version: "3.1.2",
    accepts: { args: ["--version"], pattern: /\bv?3\.\d+\.\d+/ },
    go: {
      ...ownMain("registry"),
      variables: { "github.com/distribution/distribution/v3/version.version": "v3.1.2" },
    },
  },
  {
    name: "buildkitd",
    version: "0.34.2",
    accepts: { args: ["--version"], pattern: /\bv0\.(?:1[6-9]|[2-9]\d)\.\d+/ },
    go: {
      module: platformModule,
      package: "github.com/moby/buildkit/cmd/buildkitd",
      variables: { "github.com/moby/buildkit/version.Version": "v0.34.2" },
    },
  },
  {
    name: "buildctl",
    version: "0.34.2",
    accepts: { args: ["--version"], pattern: /\bv0\.(?:1[6-9]|[2-9]\d)\.\d+/ },
    go: {
      module: platformModule,
      package: "github.com/moby/buildkit/cmd/buildctl",
      variables: { "github.com/moby/buildkit/version.Version": "v0.34.2" },
    },
  },
];

/** Apart from the servers of Kubernetes: it is started again and again, and all of them would start with it. */
const kubectl: Tool = {
  name: "kubectl",
  version: kubernetesVersion,
  accepts: { args: ["version", "--client"], pattern: /\bv1\.3[4-9]\./ },
  go: {
    module: platformModule,
    package: "k8s.io/kubernetes/cmd/kubectl",
    variables: kubernetesVariables,
  },
};

/** Kubernetes without its node. */
export const clusterTools: readonly Tool[] = [
  {
    name: "etcd",
    version: "3.7.0",
    accepts: { args: ["--version"], pattern: /etcd Version: 3\.[5-9]\./ },
    go: { module: platformModule, package: "go.etcd.io/etcd/server/v3" },
  },
  kubernetes("kube-apiserver"),
  kubernetes("kube-controller-manager"),
  kubectl,
];

export const argocdTools: readonly Tool[] = [
  { name: "redis-server", version: "7", debian: "redis-server" },
  argocd("argocd-repo-server"),
  argocd("argocd-application-controller"),
];

/** What packages charts. */
export const helm: Tool = {
  name: "helm",
  version: "4.3.2",
  accepts: { args: ["version", "--template", "{{.Version}}"], pattern: /^v4\./ },
  go: {
    module: platformModule,
    package: "helm.sh/helm/v4/cmd/helm",
    variables: { "helm.sh/helm/v4/internal/version.version": "v4.3.2" },
  },
};

/** Programs of the Kubernetes node. */
export const nodeTools: readonly Tool[] = [
  { name: "ip", version: "6", debian: "iproute2" },
  { name: "nft", version: "1.0", debian: "nftables" },
  { name: "nsenter", version: "2", debian: "util-linux" },
  {
    name: "tinyolly-node",
    version: "1",
    accepts: "nothing",
    go: ofNode("tinyolly-node"),
  },
  {
    name: "tinyolly-volumes",
    version: "1",
    accepts: "nothing",
    go: ofNode("tinyolly-volumes"),
  },
  containerd("containerd"),
  containerd("containerd-shim-runc-v2"),
  kubernetes("kubelet"),
  kubernetes("kube-proxy"),
  kubernetes("kube-scheduler"),
  {
    name: "coredns",
    version: "1.15.0",
    accepts: { args: ["-version"], pattern: /^CoreDNS-1\.1[1-9]\./m },
    go: ownMain("coredns"),
  },
];

/** Programs of the platform's services, without those of its node. */
export const platformTools: readonly Tool[] = [
  ...imageTools,
  ...clusterTools,
  ...argocdTools,
  helm,
];

/** CNI plugins, which containerd looks for in a folder of their own. */
export const cniPlugins: readonly Tool[] = [
  cniPlugin("main/ptp"),
  cniPlugin("main/loopback"),
  cniPlugin("ipam/host-local"),
];

/** What every pod's sandbox runs. */
export const pauseProgram: Tool = {
  name: "pause",
  version: "1",
  accepts: "nothing",
  go: ofNode("pause"),
};

/** What BuildKit pulls for `# syntax=docker/dockerfile:1`, made only where a Dockerfile asks for it. */
export const dockerfileFrontend: Tool = {
  name: "dockerfile-frontend",
  version: "0.34.2",
  accepts: "nothing",
  go: {
    module: platformModule,
    package: "github.com/moby/buildkit/frontend/dockerfile/cmd/dockerfile-frontend",
  },
};

/** Version of the Pulumi CLI; package.json pins the same for `npx pulumi`. */
export const pulumiVersion = "3.259.0";

/**
 * The CLI hands over the runtime options of Pulumi.yaml in a way that this older host does not know, and its own defaults
 * would check the program's types in every run.
 */
const languageHostPatch: Patch = {
  module: "github.com/pulumi/pulumi/sdk/v3",
  edits: {
    "nodejs/cmd/pulumi-language-nodejs/main.go": [
      endWithEngine,
      ['"typescript", true,', '"typescript", false,'],
      [
        String.raw`nodeargs = append\(nodeargs, args\.\.\.\)`,
        [
          'if _, missing := os.Stat("program/preload.ts"); missing == nil {',
          '\tnodeargs = append(nodeargs, "--import", "./program/preload.ts")',
          "}",
          "nodeargs = append(nodeargs, args...)",
        ].join("\n"),
      ],
    ],
  },
};

/** The objects that Argo CD needs in a cluster, from its Go module. */
export const argocdObjects: ModuleFiles = {
  name: "argocd-crds",
  module: platformModule,
  of: "github.com/argoproj/argo-cd/v3",
  folder: "manifests/crds",
};

/** Programs of the Pulumi CLI, for machines that cannot download it. */
export const pulumiTools: readonly Tool[] = [
  {
    name: "pulumi",
    version: pulumiVersion,
    accepts: {
      args: ["version"],
      pattern: new RegExp(`^v${pulumiVersion.replaceAll(".", "\\.")}$`, "m"),
    },
    go: {
      module: platformModule,
      package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
      variables: {
        "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${pulumiVersion}`,
      },
    },
  },
  {
    name: "pulumi-language-nodejs",
    version: pulumiVersion,
    accepts: "nothing",
    go: {
      module: moduleOf("pulumi-nodejs", [languageHostPatch]),
      package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
      variables: {
        "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${pulumiVersion}`,
      },
    },
  },
];

/** A Pulumi provider plugin, and what serves instead where its download cannot be had. */
export interface Plugin {
  readonly name: string;
  readonly version: string;
  readonly substitute: Tool;
  /** Whether the substitute is a stand-in of ours rather than the official plugin's own sources. */
  readonly standIn: boolean;
}

/** Versions are those of the npm packages in package.json. */
export const pulumiPlugins: readonly Plugin[] = [
  {
    name: "docker-build",
    version: "0.0.22",
    standIn: false,
    substitute: {
      name: "pulumi-resource-docker-build",
      version: "0.0.22",
      accepts: "nothing",
      go: {
        module: platformModule,
        package: "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
        variables: { "github.com/pulumi/pulumi-docker-build/provider.Version": "0.0.22" },
      },
    },
  },
  standIn("command", "1.2.1"),
  standIn("kubernetes", "4.34.2"),
];

const officialKubernetesVersion = "4.25.0";

/**
 * The official kubernetes plugin, which `make test SUITE=official` holds our stand-in against. No later release is served as a Go module,
 * and it compiles for many minutes, so that it substitutes for no download.
 */
export const officialKubernetes: Tool = {
  name: "pulumi-resource-kubernetes",
  version: officialKubernetesVersion,
  accepts: "nothing",
  go: {
    module: moduleOf("pulumi-kubernetes", [
      {
        module: "github.com/pulumi/pulumi-kubernetes/provider/v4",
        // Upstream's Makefile generates the two files from these, with less white space and the version in them.
        edits: {
          "cmd/pulumi-resource-kubernetes/main.go": [
            ["schema-embed\\.json", "schema.json"],
            ["terraform-mapping-embed\\.json", "terraform-mapping.json"],
          ],
        },
      },
    ]),
    package: "github.com/pulumi/pulumi-kubernetes/provider/v4/cmd/pulumi-resource-kubernetes",
    variables: {
      "github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version.Version":
        officialKubernetesVersion,
    },
  },
};

/** Programs that sign what is published and list what is in it; only where a stack signs. */
export const releaseTools: readonly Tool[] = [
  {
    ...cosign,
    go: {
      module: moduleOf("cosign"),
      package: "github.com/sigstore/cosign/v3/cmd/cosign",
      variables: { "sigs.k8s.io/release-utils/version.gitVersion": "v3.1.3" },
    },
  },
  {
    ...syft,
    go: {
      module: moduleOf("syft"),
      package: "github.com/anchore/syft/cmd/syft",
      variables: { "main.version": "1.57.1" },
    },
  },
];

/** What the end-to-end tests look at pages with. */
export const browser: Tool = { name: "chromium", version: "120", debian: "chromium" };

/** What Go's race detector is linked by. */
export const raceDetector: Tool = { name: "gcc", version: "12", debian: "gcc libc6-dev" };

const kindModule = moduleOf("kind");

/** What `make test SUITE=kind` makes a kind cluster of, beside the platform's own programs. */
export const kindTools: readonly Tool[] = [
  {
    name: "kind",
    version: "0.33.0",
    accepts: { args: ["version"], pattern: /\bv0\.33\./ },
    go: { module: kindModule, package: "sigs.k8s.io/kind" },
  },
  {
    name: "kubeadm",
    version: kubernetesVersion,
    // The node's servers are of the same version.
    accepts: { args: ["version", "--output=short"], pattern: /^v1\.37\.2$/m },
    go: {
      module: kindModule,
      package: "k8s.io/kubernetes/cmd/kubeadm",
      variables: kubernetesVariables,
    },
  },
  {
    name: "coredns-of-kubeadm",
    version: "1.15.0",
    accepts: { args: ["-version"], pattern: /^CoreDNS-1\.15\./m },
    go: {
      module: kindModule,
      package: "tinyolly.dev/platform/tools/kind/coredns",
      sources: "tools/modules/kind/coredns",
    },
  },
  {
    name: "argocd",
    version: "3.6.1",
    accepts: { args: ["version", "--client", "--short"], pattern: /^argocd: v3\.6\.1\b/m },
    go: {
      module: kindModule,
      package: "github.com/argoproj/argo-cd/v3/cmd",
      variables: { "github.com/argoproj/argo-cd/v3/common.version": "3.6.1" },
    },
  },
];

/** Files that kind's own node image consists of. */
export const kindBase: ModuleFiles = {
  name: "kind-base",
  module: kindModule,
  of: "sigs.k8s.io/kind",
  folder: "images/base/files",
};

/** What installs the whole of Argo CD. */
export const argocdManifests: ModuleFiles = {
  name: "argocd-manifests",
  module: kindModule,
  of: "github.com/argoproj/argo-cd/v3",
  folder: "manifests",
};

/** Scripts that Argo CD's image has. */
export const argocdScripts: ModuleFiles = {
  name: "argocd-scripts",
  module: kindModule,
  of: "github.com/argoproj/argo-cd/v3",
  folder: "hack",
};

/** Programs that `make check` runs. */
export const checkTools: readonly Tool[] = [
  { name: "shellcheck", version: "0.9", debian: "shellcheck" },
  {
    name: "actionlint",
    version: "1.7.12",
    accepts: { args: ["-version"], pattern: /^v?1\.7\.1[2-9]$/m },
    go: {
      module: moduleOf("lint"),
      package: "github.com/rhysd/actionlint/cmd/actionlint",
      variables: { "github.com/rhysd/actionlint.version": "1.7.12" },
    },
  },
  {
    name: "kubeconform",
    version: "0.7.0",
    accepts: { args: ["-v"], pattern: /^v?0\.[7-9]\./ },
    go: { module: moduleOf("lint"), package: "github.com/yannh/kubeconform/cmd/kubeconform" },
  },
  {
    name: "helm-unittest",
    version: "1.0.3",
    go: {
      module: moduleOf("helm-unittest"),
      package: "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    },
  },
  {
    name: "gofumpt",
    version: "0.9.2",
    accepts: { args: ["--version"], pattern: /^v0\.9\./ },
    go: { module: moduleOf("lint"), package: "mvdan.cc/gofumpt" },
  },
  {
    name: "staticcheck",
    version: "0.8.2",
    accepts: { args: ["-version"], pattern: /0\.8\.\d/ },
    go: { module: moduleOf("lint"), package: "honnef.co/go/tools/cmd/staticcheck" },
  },
];

function kubernetes(name: string): Tool {
  return {
    name,
    version: kubernetesVersion,
    accepts: { args: ["--version"], pattern: /\bv1\.3[4-9]\./ },
    go: { ...ownMain("kubernetes"), variables: kubernetesVariables },
  };
}

/** A program of Argo CD, of which only one that serves fits: upstream's CLI has the same name as its servers. */
function argocd(name: string): Tool {
  return {
    name,
    version: "3.6.1",
    accepts: "nothing",
    go: {
      ...ownMain("argocd"),
      variables: { "github.com/argoproj/argo-cd/v3/common.version": "3.6.1" },
    },
  };
}

/** A program of the node, whose sources are in this project. */
function ofNode(name: string): GoProgram {
  return {
    module: platformModule,
    package: `tinyolly.dev/platform/cluster/node/cmd/${name}`,
    sources: "cluster/node",
  };
}

function containerd(name: string): Tool {
  const version = "v2.4.2";
  return {
    name,
    version,
    // The two must be of one version.
    accepts: "nothing",
    go: {
      ...(name === "containerd"
        ? ownMain(name)
        : { module: platformModule, package: `github.com/containerd/containerd/v2/cmd/${name}` }),
      variables: { "github.com/containerd/containerd/v2/version.Version": version },
    },
  };
}

function cniPlugin(plugin: string): Tool {
  const name = plugin.slice(plugin.indexOf("/") + 1);
  return {
    name,
    version: "1.9.0",
    // iproute2 has a bridge of its own.
    accepts: "nothing",
    go: {
      module: platformModule,
      package: `github.com/containernetworking/plugins/plugins/${plugin}`,
    },
  };
}

function standIn(name: string, version: string): Plugin {
  const program = `pulumi-resource-${name}`;
  return {
    name,
    version,
    standIn: true,
    substitute: {
      name: program,
      version,
      accepts: "nothing",
      go: {
        module: platformModule,
        package: `tinyolly.dev/platform/pulumi/stand-ins/cmd/${program}`,
        sources: "pulumi/stand-ins",
      },
    },
  };
}
