#!/bin/sh
# Installs the library by which receivers verify our signatures, as the lock file beside this has it, into
# .peers/standardwebhooks. Quick when it is there already. Run by `make peers`; needs Node 20 or later with npm.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
room=$(cd "$here/../../.." && pwd)/.peers/standardwebhooks
if cmp -s "$here/package-lock.json" "$room/package-lock.json" && [ -d "$room/node_modules/standardwebhooks" ]; then
    echo "the npm library standardwebhooks is installed"
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is missing: the npm library standardwebhooks needs Node 20 or later" >&2
    exit 1
fi
mkdir -p "$room"
cp "$here/package.json" "$here/package-lock.json" "$room"
npm ci --prefix "$room" --ignore-scripts --no-audit --no-fund --silent
echo "installed: the npm library standardwebhooks"
