/** Media type of an image's or artifact's manifest. */
export const imageManifestType = "application/vnd.oci.image.manifest.v1+json";

/** Media type of a list of manifests. */
export const imageIndexType = "application/vnd.oci.image.index.v1+json";

/** Media type of a chart's configuration. */
export const chartConfigType = "application/vnd.cncf.helm.config.v1+json";

/** Media type of a chart's package. */
export const chartPackageType = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/** Media type of an image's configuration. */
export const imageConfigType = "application/vnd.oci.image.config.v1+json";

/** Media types of manifests that name config and layers: OCI's and Docker's. */
export const imageTypes: readonly string[] = [
  imageManifestType,
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** Media types of manifests that name other manifests: OCI's and Docker's. */
export const indexTypes: readonly string[] = [
  imageIndexType,
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
