#!/bin/sh
# Installs what the tests of the Node recipes use, as the lock file beside this has it, into .peers/node. Quick when it is
# there already. Run by `make peers`; needs Node 20 or later with npm, wherever this machine has them from.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
room=$(cd "$here/../../.." && pwd)/.peers/node
if cmp -s "$here/package-lock.json" "$room/package-lock.json" && [ -d "$room/node_modules/nodemailer" ]; then
    echo "what the Node recipes use is installed"
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is missing: the Node recipes need Node 20 or later" >&2
    exit 1
fi
mkdir -p "$room"
cp "$here/package.json" "$here/package-lock.json" "$room"
npm ci --prefix "$room" --ignore-scripts --no-audit --no-fund --silent
echo "installed: what the Node recipes use"
