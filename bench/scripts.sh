#!/usr/bin/env bash
# Builds and pushes images one by one, then publishes and deploys charts, as it is done by hand.
#
#   VERSION     tag of the images and suffix of the charts' versions
#   IMAGES      images to build; the others keep the tag that they had
#   CHARTS      charts to publish
#   FOLDER      registry and namespace to push to
#   PULL_FOLDER the same, as the cluster sees it
#   NAMESPACE   namespace of the Applications
#   BUILDKIT    address of BuildKit
set -euo pipefail

declare -A contexts=(
  [python-base]=apps/python-base
  [tinyolly]=apps/tinyolly
  [webui]=apps/tinyolly-ui
  [opamp-server]=apps/opamp-server
  [demo]=apps/demo
)

mkdir -p .tinyolly/tags
for image in $IMAGES; do
  base=$(cat .tinyolly/tags/python-base 2> /dev/null || echo "$VERSION")
  buildctl --addr="$BUILDKIT" build --progress=plain \
    --frontend=dockerfile.v0 \
    --local=context="${contexts[$image]}" \
    --local=dockerfile="${contexts[$image]}" \
    --opt=platform=linux/amd64 \
    --opt=context:python-base="docker-image://$FOLDER/python-base:$base" \
    --output="type=image,name=$FOLDER/$image:$VERSION,push=true,registry.insecure=true"
  echo "$VERSION" > ".tinyolly/tags/$image"
done

exec bench/publish-charts.sh
