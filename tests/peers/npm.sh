#!/bin/sh
# Installs npm packages for the tests: `npm.sh NAME FOLDER` puts what the lock file in FOLDER has into .peers/NAME, which is not
# tracked. Quick when it is there already. Run by `make peers`; needs Node 20 or later with npm, wherever they are from.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
room=$root/.peers/$1
lock=$root/$2
if cmp -s "$lock/package-lock.json" "$room/package-lock.json" && [ -e "$room/node_modules/.package-lock.json" ]; then
    echo "the npm packages of $1 are installed"
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "npm is missing: the tests with $1 need Node 20 or later" >&2
    exit 1
fi
mkdir -p "$room"
cp "$lock/package.json" "$lock/package-lock.json" "$room"
npm ci --prefix "$room" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
echo "installed: the npm packages of $1"
