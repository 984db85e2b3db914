#!/usr/bin/env python3
"""Makes the passwords of a deployment: what RabbitMQ has to know, and what server and workers have to know.

Writes into deploy/secrets/ (git-ignored): definitions.json for RabbitMQ, server.env and worker.env with the
broker's URL, admin.txt for the management page. Needs Python 3.9 or newer and nothing else.
"""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent
sys.path.insert(0, str(DEPLOY.parent / "scripts"))

from broker import DEFINITIONS, hash_password, write_private  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="rabbitmq", help="where the broker is found (default: %(default)s)")
    parser.add_argument("--worker-host", help="where workers find it, if elsewhere (say the machine's address)")
    parser.add_argument("--tls", action="store_true", help="over TLS, port 61614")
    parser.add_argument("--dir", type=Path, default=DEPLOY / "secrets", help="(default: %(default)s)")
    parser.add_argument("--force", action="store_true", help="replaces what is there")
    options = parser.parse_args()
    if (options.dir / "definitions.json").exists() and not options.force:
        sys.exit("make_secrets: there are secrets in %s already; --force replaces them" % options.dir)
    hosts = {"karaoke-server": options.host, "karaoke-worker": options.worker_host or options.host}
    write(options.dir, hosts, "stomps://%s:%s@%s:61614/" if options.tls else "stomp://%s:%s@%s:61613/")
    print("wrote %s" % options.dir)


def write(folder, hosts, url):
    """Writes all files; nobody else can look into their folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    definitions = json.loads(DEFINITIONS.read_text())
    for user in definitions["users"]:
        password = secrets.token_urlsafe(24)
        user["password_hash"] = hash_password(password)
        name = user["name"]
        line = "KARAOKE__BROKER__URL=" + url % (name, password, hosts[name])
        write_private(folder / (name.replace("karaoke-", "") + ".env"), line + "\n")
    password = secrets.token_urlsafe(24)
    admin = {**definitions["users"][0], "name": "admin", "password_hash": hash_password(password)}
    definitions["users"].append({**admin, "tags": ["administrator"]})
    rights = {"user": "admin", "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    definitions["permissions"].append(rights)
    write_private(folder / "admin.txt", "admin %s\n" % password)
    # RabbitMQ reads it as a user of its own; it holds no passwords, only what proves them.
    write_private(folder / "definitions.json", json.dumps(definitions, indent=2) + "\n")
    os.chmod(folder / "definitions.json", 0o644)


if __name__ == "__main__":
    main()
