#!/bin/sh
# Names at once all that this machine lacks, each with what installs it:
# requirements.sh <version of make> [go]
set -u

lacks=""
if command -v brew > /dev/null; then
  install="brew install"
elif command -v apt-get > /dev/null; then
  install="apt-get install -y"
else
  install="install"
fi

# at_least <version> <oldest that fits>
at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# check <name> <version; empty where it is missing> <oldest that fits> <command>
check() {
  if [ -z "$2" ]; then
    lacks="$lacks
  $1 $3 or newer, which is missing: $4"
  elif ! at_least "$2" "$3"; then
    lacks="$lacks
  $1 $3 or newer instead of $2: $4"
  fi
}

# number <output of a program>: its first version number
number() {
  printf '%s\n' "$1" | grep -Eo '[0-9]+(\.[0-9]+)+' | head -n 1
}

check make "$1" 3.81 "$install make"
check git "$(number "$(git --version 2> /dev/null)")" 2.20 "$install git"
check Node "$(number "$(node --version 2> /dev/null)")" 20.19 "https://nodejs.org/en/download has the commands"
check npm "$(number "$(npm --version 2> /dev/null)")" 9.0 "it comes with Node"
if [ "${2:-}" = go ]; then
  # It fetches the newer one that programs of the platform are built with.
  check Go "$(number "$(GOTOOLCHAIN=local go version 2> /dev/null)")" 1.21 "https://go.dev/doc/install has the commands"
fi

[ -z "$lacks" ] && exit 0
echo "this machine lacks:$lacks" >&2
exit 1
