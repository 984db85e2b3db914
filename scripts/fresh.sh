#!/bin/sh
# Proves the README's two commands on bare Debians: fresh.sh [SUITE ...] (bookworm and trixie, which are Debian 12 and 13).
#
# Each suite is made by debootstrap under .fresh/, gets the Rust toolchain, a C linker, make and Python 3, and nothing
# else of this machine; then `make run` has to serve a karaoke track, and `make test` has to pass, of what is committed.
# Needs root, debootstrap and an hour for each suite on two cores.
#
# FRESH_MIRROR: where packages come from. FRESH_HAND_IN: further files that the machine inside needs at the same place,
# such as the certificates of a proxy; the variables of proxies are handed in as well.
set -eu

mirror=${FRESH_MIRROR:-http://deb.debian.org/debian}
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "make fresh needs root: debootstrap and chroot do" >&2; exit 1; }
scripts/install_packages.sh debootstrap:debootstrap unshare:util-linux
toolchain=$(rustc --print sysroot)
[ $# -gt 0 ] || set -- bookworm trixie

for suite in "$@"; do
    root=$PWD/.fresh/$suite
    began=$(date +%s)
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    echo "fresh: $suite is made in $root"
    debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev,make,python3 \
        "$suite" "$root" "$mirror" >"$root.log" 2>&1 || { tail -n 20 "$root.log" >&2; exit 1; }
    mkdir -p "$root/src" "$root/rust"
    git archive HEAD | tar -x -C "$root/src"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # What an installer writes, and debootstrap does not.
    printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost\n' "$(uname -n)" >"$root/etc/hosts"
    for file in ${FRESH_HAND_IN:-}; do
        mkdir -p "$root$(dirname "$file")"
        cp -L "$file" "$root$file"
    done
    made=$(date +%s)
    # shellcheck disable=SC2016 # expanded inside
    ROOT=$root TOOLCHAIN=$toolchain unshare --mount --pid --fork --kill-child sh -euc '
        mount --bind "$TOOLCHAIN" "$ROOT/rust"
        mount -t proc proc "$ROOT/proc"
        mount --rbind /sys "$ROOT/sys"
        mount --rbind /dev "$ROOT/dev"
        mount -t tmpfs tmpfs "$ROOT/run"
        exec chroot "$ROOT" env -i HOME=/root LANG=C.UTF-8 TERM=dumb \
            PATH=/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
            ${SSL_CERT_FILE:+SSL_CERT_FILE="$SSL_CERT_FILE" CARGO_HTTP_CAINFO="$SSL_CERT_FILE"} \
            ${SSL_CERT_FILE:+NODE_EXTRA_CA_CERTS="$SSL_CERT_FILE" PIP_CERT="$SSL_CERT_FILE"} \
            sh /src/scripts/fresh_inside.sh'
    ended=$(date +%s)
    echo "fresh: $suite is good; made in $((made - began)) s, proved in $((ended - made)) s"
    rm -rf --one-file-system "$root"
done
