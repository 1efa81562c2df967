#!/usr/bin/env bash
# Says what Skaffold would build, and renders both charts; input as skaffold.sh has it.
set -euo pipefail

SKAFFOLD_UPDATE_CHECK=false skaffold build --dry-run --filename=bench/skaffold.yaml \
  --default-repo="$PLAIN_FOLDER" --insecure-registry="${PLAIN_FOLDER%%/*}" --tag="$VERSION" \
  --cache-file=.tinyolly/skaffold/cache --config=.tinyolly/skaffold/config --interactive=false

for chart in tinyolly tinyolly-demos; do helm template "$chart" "charts/$chart" --namespace "$chart"; done
