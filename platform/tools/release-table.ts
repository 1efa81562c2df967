/** Digest of a file in hexadecimal, with its algorithm. */
export type Digest = `sha256:${string}` | `sha512:${string}`;

/** A file that the makers of some programs publish for each platform. */
export interface TableEntry {
  /** Version that is taken, without `v`; the one that is built from source may be another. */
  readonly version: string;
  /** Where the file is; `{version}` and `{arch}` stand for both. */
  readonly url: string;
  /** Published digest of the file for each platform that it can be taken for. */
  readonly digests: Readonly<Record<string, Digest>>;
  /**
   * Path of each program in the archive, as `tar` lists it, with the same placeholders; undefined where the file is the program itself.
   */
  readonly programs: Readonly<Record<string, string | undefined>>;
}

/**
 * Official releases of the tools that the platform uses. A digest comes from what the makers or others published about exactly this
 * file and is never computed from a download. A tool without an entry for its platform is built from source.
 */
export const releaseTable: readonly TableEntry[] = [
  {
    version: "3.1.2",
    url: "https://github.com/distribution/distribution/releases/download/v{version}/registry_{version}_linux_{arch}.tar.gz",
    digests: {
      "linux/amd64": "sha256:40df2224d410f72ae425c3371873b078bbdbda3b8b612be9571f0e6751f3acc8",
      "linux/arm64": "sha256:09d26f88d2c0f161bd1b8bfc6c123571cc3d291dcca8af5477b3cacc4ec95e73",
    },
    programs: { registry: "registry" },
  },
  kubernetes("kube-apiserver", {
    "linux/amd64": "sha256:de9b1b43c10143f448408b3aaf15f44fd5248b97a56301417a1fe2f1fc47a691",
    "linux/arm64": "sha256:c3c240bc4a0fbe3ad311ac3d74ca1d19ac411628130ea825049550fd856020d9",
  }),
  kubernetes("kube-controller-manager", {
    "linux/amd64": "sha256:acd67c8f8871d4594f307d2816bf11aa972f47617ee6e1f84b0ce92a091f7290",
    "linux/arm64": "sha256:b470c3730cd8e49622c656c47ac16ef994e2edf14ba905be2dad05bc34a4e353",
  }),
  kubernetes("kube-scheduler", {
    "linux/amd64": "sha256:8d10dfc64de70b1670cc1ce52701eb6a219c0905a95bdde608edc5432f9eca43",
    "linux/arm64": "sha256:1bfe0c213f015abb08131ee8a02353eb0492dfe19a965b54c5ca1145b6d05e10",
  }),
  kubernetes("kubelet", {
    "linux/amd64": "sha256:cee008c1640c3b41820ef31d35b3cffc132b0c4b78c288be2b8022ebc7aa8293",
    "linux/arm64": "sha256:03e64bb3e1611d1b9ea40095b382af014bd2aa0b5f1b6670af6bbfaa0b735443",
  }),
  kubernetes("kube-proxy", {
    "linux/amd64": "sha256:3f1dc2394bfe627927c17e8226b1a94c842529217c06436ddfeb73de8407b6e0",
    "linux/arm64": "sha256:c1797c5dd319123c7bbb60dc94f2e91f3aa7b0be9bfe0c9cf3b143d5ee9ab944",
  }),
  kubernetes("kubectl", {
    "linux/amd64": "sha256:65691ff77eb6fa44c908b77a1082c9f092c3b9733b5cefabec0d1104890e21a8",
    "linux/arm64": "sha256:ff749f4b78d9c4f1ec87307df9b50119ed819e2094aa9810cb9acffc3286c8c7",
  }),
  {
    version: "3.6.14",
    url: "https://github.com/etcd-io/etcd/releases/download/v{version}/etcd-v{version}-linux-{arch}.tar.gz",
    digests: {
      "linux/amd64": "sha256:ffe840ff9295808e88cce2794a18a5ac87f12a5203c8314d0bf6aa119b41bac5",
      "linux/arm64": "sha256:fa1b80565ee6fc2df1ae6f57a508b221f3ecc7d591c317c581cd8281b0842b3e",
    },
    programs: { etcd: "etcd-v{version}-linux-{arch}/etcd" },
  },
  {
    version: "2.3.4",
    url: "https://github.com/containerd/containerd/releases/download/v{version}/containerd-{version}-linux-{arch}.tar.gz",
    digests: {
      "linux/amd64": "sha256:9d68969855fbf676cdb8ed758e420fb048d61f984f61de3e53eddfebe484d168",
      "linux/arm64": "sha256:a985fbb7e18fc0362d31a055338f5d7b0e087a3e27f14c70d1c5965399a29f95",
    },
    programs: {
      containerd: "bin/containerd",
      "containerd-shim-runc-v2": "bin/containerd-shim-runc-v2",
    },
  },
  {
    version: "1.9.1",
    url: "https://github.com/containernetworking/plugins/releases/download/v{version}/cni-plugins-linux-{arch}-v{version}.tgz",
    digests: {
      "linux/amd64": "sha256:b98f74a0f8522f0a83867178729c1aa70f2158f90c45a2ca8fa791db1c76b303",
      "linux/arm64": "sha256:56171987d3947707c3563db2f4001bccaf50fd63468611b9f3cbecb1375ee7ec",
    },
    programs: { ptp: "./ptp", loopback: "./loopback", "host-local": "./host-local" },
  },
  {
    version: "4.3.0",
    url: "https://get.helm.sh/helm-v{version}-linux-{arch}.tar.gz",
    digests: {
      "linux/amd64": "sha256:86584a54def73570558f66f5111cc53dfed56689637ae32c1201205d494f54fb",
      "linux/arm64": "sha256:31c5794dd55c66a51e6b7d2e2ac7a114ae8b1de41ff1d9ba51748ac973b06a08",
    },
    programs: { helm: "linux-{arch}/helm" },
  },
  {
    version: "3.1.3",
    url: "https://github.com/sigstore/cosign/releases/download/v{version}/cosign-linux-{arch}",
    digests: {
      "linux/amd64": "sha256:4629c757b7618056f8ddd7e2625ae9fdd94c0372a65049520bc7d9df9efc7f71",
      "linux/arm64": "sha256:c5d324e091826b0d7a78eb16fef316450b4eb9aaec045611c08ba06f5e73220a",
    },
    programs: { cosign: undefined },
  },
  {
    version: "0.7.0",
    url: "https://github.com/yannh/kubeconform/releases/download/v{version}/kubeconform-linux-{arch}.tar.gz",
    digests: {
      "linux/amd64": "sha256:c31518ddd122663b3f3aa874cfe8178cb0988de944f29c74a0b9260920d115d3",
      "linux/arm64": "sha256:cc907ccf9e3c34523f0f32b69745265e0a6908ca85b92f41931d4537860eb83c",
    },
    programs: { kubeconform: "kubeconform" },
  },
  {
    version: "1.7.12",
    url: "https://github.com/rhysd/actionlint/releases/download/v{version}/actionlint_{version}_linux_{arch}.tar.gz",
    digests: {
      "linux/amd64": "sha256:8aca8db96f1b94770f1b0d72b6dddcb1ebb8123cb3712530b08cc387b349a3d8",
      "linux/arm64": "sha256:325e971b6ba9bfa504672e29be93c24981eeb1c07576d730e9f7c8805afff0c6",
    },
    programs: { actionlint: "actionlint" },
  },
  {
    version: "0.9.2",
    url: "https://github.com/mvdan/gofumpt/releases/download/v{version}/gofumpt_v{version}_linux_{arch}",
    digests: {
      "linux/amd64": "sha256:72cf61b12fef91eab6df6db4a4284f30616b5ead330112e28a1fa1cb15e57339",
      "linux/arm64": "sha256:5acaa5a554050f55fc81ef02a8b0d14ab6b3c058a84513885286dc52d3451645",
    },
    programs: { gofumpt: undefined },
  },
];

/** A program of Kubernetes; each is published as a file of its own. */
function kubernetes(name: string, digests: TableEntry["digests"]): TableEntry {
  const url = `https://dl.k8s.io/release/v{version}/bin/linux/{arch}/${name}`;
  return { version: "1.37.1", url, digests, programs: { [name]: undefined } };
}
