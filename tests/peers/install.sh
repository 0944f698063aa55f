#!/bin/sh
# Installs the real servers that the tests marked `peer` talk to. Nothing is started, nothing listens afterwards.
# Quick when all is there already. Run by `make peers`; needs root and Debian's package manager.
set -eu

packages="postfix libsasl2-modules dovecot-imapd haproxy nginx libnginx-mod-mail bind9 swaks libnet-ssleay-perl curl openssl prometheus"
packages="$packages strace iproute2 nftables libfaketime"
# The page at /docs is looked at in a browser.
packages="$packages chromium"
# What n8n's database is built with.
packages="$packages g++ make libsqlite3-dev"
# What the client recipes are written for.
packages="$packages jq golang-go php-cli php-curl php-mbstring php-symfony-mailer php-illuminate-mail"

# What Exim is linked with.
packages="$packages libidn12"

# Exim as a package would replace Postfix, so it is only unpacked. It wants to find the user that it was built for.
unpack_exim() {
    room="$(cd "$(dirname "$0")/../.." && pwd)/.peers/exim"
    [ -x "$room/usr/sbin/exim4" ] && [ -n "$(getent passwd Debian-exim)" ] && return
    [ -n "$(getent passwd Debian-exim)" ] || useradd --system --no-create-home --shell /usr/sbin/nologin Debian-exim
    fetched=$(mktemp -d)
    (cd "$fetched" && apt-get download --quiet=2 -o APT::Sandbox::User=root exim4-daemon-light)
    mkdir -p "$room"
    dpkg-deb --extract "$fetched"/exim4-daemon-light_*.deb "$room"
    rm -r "$fetched"
    echo "unpacked: exim4-daemon-light"
}

missing=""
for package in $packages; do
    if [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
        missing="$missing $package"
    fi
done
if [ -z "$missing" ]; then
    if [ "$(id -u)" -eq 0 ]; then
        unpack_exim
    fi
    echo "all peers are installed: $packages"
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "peers are Debian packages ($missing ), and there is no apt-get here" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "installing$missing needs root: sudo make peers" >&2
    exit 1
fi

# Debian starts what it installs unless this file says no (exit code 101). One that is there already is somebody's choice.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi

export DEBIAN_FRONTEND=noninteractive
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
apt-get update --quiet=2
# shellcheck disable=SC2086 -- a list of words is meant
apt-get install --quiet=2 --yes --no-install-recommends $missing >/dev/null
echo "installed:$missing"
unpack_exim
