#!/bin/sh
# Installs Debian packages whose command, or whose file, is missing: install_packages.sh COMMAND:PACKAGE /FILE:PACKAGE ...
# Only their programs are wanted: a service that comes with one is neither started now nor at the next boot.
set -eu

PATH=$PATH:/usr/sbin:/sbin # where an ordinary user does not look for servers
missing=
for pair in "$@"; do
    [ -e "${pair%%:*}" ] || command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "these packages are needed and only root can install them:$missing" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "these programs are needed, please install them:$missing" >&2
    exit 1
fi

# The services that would start. One that is there already is somebody's, and is left alone.
services=
mask_later() {
    for unit in "$@"; do
        systemctl cat "$unit" >/dev/null 2>&1 || services="$services $unit"
    done
}
if [ -d /run/systemd/system ]; then
    case "$missing " in *" rabbitmq-server "*) mask_later rabbitmq-server.service epmd.service epmd.socket ;; esac
    case "$missing " in *" prometheus "*) mask_later prometheus.service ;; esac
fi
allow_services() {
    # shellcheck disable=SC2086 # a list of units
    [ -z "$services" ] || $as_root systemctl --quiet unmask --runtime $services
}

echo "installing$missing"
# shellcheck disable=SC2086 # a list of package names, a list of units
{
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    if [ -n "$services" ]; then
        trap allow_services EXIT
        $as_root systemctl --quiet mask --runtime $services
    fi
    # RUNLEVEL and PREVLEVEL say the same to machines without systemd.
    $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 PREVLEVEL=N \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null
    [ -z "$services" ] || $as_root systemctl --quiet disable $services
}
