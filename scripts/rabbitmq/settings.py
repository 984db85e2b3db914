"""The settings of a broker: addresses, ports, passwords."""

import ipaddress
import random
import secrets
import socket
from pathlib import Path

from .errors import Failed

USERS = ("karaoke", "karaoke-server", "karaoke-worker")

# Each port with its distance from --ports-from, and what it is when nothing is said.
PORTS = {
    "stomp": (0, 61613),
    "management": (1, 15672),
    "amqp": (2, 5672),
    "stomp_tls": (3, 61614),
    "epmd": (4, 24369),
    "dist": (5, 25673),
    "ctl": (10, 25680),
}
CTL_PORTS = 10


def settle(saved, options, runs):
    """The settings of a start: what the command line says, else what was, else the defaults."""
    chosen = {
        "host": "127.0.0.1", "node_ip": "127.0.0.1", "memory": "1GB", "tls_dir": "", "management": False,
        "amqp": False, **saved,
    }
    for key in ("host", "node_ip", "memory", "tls_dir", "management", "amqp"):
        given = getattr(options, key)
        if given is not None:
            chosen[key] = given
    if options.ports_from is not None:
        if options.ports_from or not runs:
            base = options.ports_from or free_block(chosen["host"])
            chosen["ports"] = {name: base + offset for name, (offset, _) in PORTS.items()}
    else:
        chosen["ports"] = {**{name: default for name, (_, default) in PORTS.items()}, **saved.get("ports", {})}
    for name in PORTS:
        given = getattr(options, name + "_port", None)
        if given is not None:
            chosen["ports"][name] = given
    check(chosen)
    chosen["passwords"] = passwords(saved, chosen["host"])
    return chosen


def check(chosen):
    for key in ("host", "node_ip"):
        try:
            address = ipaddress.ip_address(chosen[key])
        except ValueError:
            raise Failed("--%s wants an IP address, not %r" % (key.replace("_", "-"), chosen[key])) from None
        if key == "node_ip" and address.version != 4:
            raise Failed("--node-ip wants an IPv4 address")
    if chosen["tls_dir"]:
        chosen["tls_dir"] = str(Path(chosen["tls_dir"]).resolve())
        for name in ("ca.pem", "cert.pem", "key.pem"):
            if not Path(chosen["tls_dir"], name).is_file():
                raise Failed("there is no %s in %s" % (name, chosen["tls_dir"]))


def passwords(saved, host):
    """Passwords that everybody knows on this machine alone, and secret ones where others can knock."""
    if ipaddress.ip_address(host).is_loopback:
        return {user: user for user in USERS}
    kept = saved.get("passwords", {})
    return {user: kept[user] if kept.get(user, user) != user else secrets.token_urlsafe(18) for user in USERS}


def free_block(host):
    """The first of a row of free ports, below those that outgoing connections take."""
    for _ in range(200):
        base = random.randrange(10000, 32000, 32)
        if all(is_free(host, base + offset) for offset in range(PORTS["ctl"][0] + CTL_PORTS + 1)):
            return base
    raise Failed("found no free ports")


def is_free(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return True
        except OSError:
            return False
