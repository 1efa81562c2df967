#!/usr/bin/env bash
# Builds every image with buildx bake, then publishes and deploys charts; input as scripts.sh has it.
set -euo pipefail

buildx bake --builder=tinyolly --file=bench/docker-bake.hcl --progress=plain

mkdir -p .tinyolly/tags
for image in tinyolly webui opamp-server demo; do echo "$VERSION" > ".tinyolly/tags/$image"; done

exec bench/publish-charts.sh
