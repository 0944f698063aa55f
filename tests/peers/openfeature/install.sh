#!/bin/sh
# OpenFeature's JavaScript SDKs from npm, into a folder that is not tracked: ten small packages, some three seconds. Run by `make peers`.
set -eu
cd "$(dirname "$0")"
to=../../../.peers/openfeature

if [ -d "$to/node_modules" ] && cmp -s package-lock.json "$to/package-lock.json"; then
    echo "OpenFeature's SDKs are installed"
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "OpenFeature's SDKs need Node.js 20 with npm" >&2
    exit 1
fi
mkdir -p "$to"
cp package.json package-lock.json "$to/"
npm ci --prefix "$to" --no-audit --no-fund --loglevel=error
