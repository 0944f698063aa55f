#!/bin/sh
# Installs real n8n from the lock in host/, the tools of the package in n8n/, and builds the package.
# Quick when all is there already. Nothing of n8n is kept in the repository: its licence is fair-code.
set -eu

root="$(cd "$(dirname "$0")/../.." && pwd)"
export SCARF_ANALYTICS=false NO_UPDATE_NOTIFIER=1

for needed in node npm g++ make sha256sum; do
    command -v "$needed" >/dev/null || { echo "n8n's tests need $needed (node 20.19 or later)" >&2; exit 1; }
done
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || {
    echo "n8n needs node 20.19 or later, and this is $(node --version)" >&2
    exit 1
}

sum() {
    sha256sum <"$1/package-lock.json"
}

complete() {
    [ "$(cat "$1/node_modules/.complete" 2>/dev/null || true)" = "$(sum "$1")" ]
}

# Exactly what the lock says, and no package's own scripts.
fetch() {
    if ! complete "$1"; then
        echo "installing $1"
        npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
    fi
}

host="$root/tests/n8n/host"
fetch "$host"
if ! complete "$host"; then
    # The one part that is compiled: against Debian's libsqlite3-dev in 20 s, where its own SQLite would take minutes.
    if ! (cd "$host" && npm_config_nodedir="$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")" \
        npm_config_sqlite=/usr npm_config_build_from_source=true npm rebuild --loglevel=error sqlite3); then
        echo "sqlite3 was not built: are libsqlite3-dev and node's headers installed?" >&2
        exit 1
    fi
    sum "$host" >"$host/node_modules/.complete"
fi

package="$root/n8n"
fetch "$package"
sum "$package" >"$package/node_modules/.complete"
npm run --prefix "$package" --silent build </dev/null >"$package/node_modules/.build.log" 2>&1 || {
    cat "$package/node_modules/.build.log" >&2
    exit 1
}
