#!/usr/bin/env bash
# Builds with Skaffold what its cache does not have, then publishes and deploys charts; input as scripts.sh has it.
#
#   PLAIN_FOLDER FOLDER over plain HTTP, since Skaffold cannot be told to trust a certificate
set -euo pipefail

SKAFFOLD_UPDATE_CHECK=false skaffold build --filename=bench/skaffold.yaml \
  --default-repo="$PLAIN_FOLDER" --insecure-registry="${PLAIN_FOLDER%%/*}" --tag="$VERSION" \
  --cache-file=.tinyolly/skaffold/cache --config=.tinyolly/skaffold/config --interactive=false

mkdir -p .tinyolly/tags
for image in tinyolly webui opamp-server demo; do echo "$VERSION" > ".tinyolly/tags/$image"; done

exec bench/publish-charts.sh
