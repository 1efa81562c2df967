import type { Tool } from "../platform/tools/find.ts";

/** Programs that only the benchmark runs. */
export const benchTools: readonly Tool[] = [
  {
    name: "buildx",
    version: "0.38.2",
    accepts: { args: ["version"], pattern: /\bv?0\.(?:3\d|[4-9]\d)\.\d+/ },
    go: {
      module: { folder: "tools/modules/buildx" },
      package: "github.com/docker/buildx/cmd/buildx",
      variables: { "github.com/docker/buildx/version.Version": "v0.38.2" },
    },
  },
  {
    name: "skaffold",
    version: "2.16.1",
    accepts: { args: ["version"], pattern: /^v2\.\d+\.\d+/ },
    go: {
      module: { folder: "tools/modules/skaffold" },
      package: "github.com/GoogleContainerTools/skaffold/v2/cmd/skaffold",
      variables: {
        "github.com/GoogleContainerTools/skaffold/v2/pkg/skaffold/version.version": "v2.16.1",
      },
    },
  },
];
