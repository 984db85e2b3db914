"""The files that RabbitMQ reads when it starts: rabbitmq.conf and the definitions of users and rights."""

import base64
import hashlib
import json
import secrets
from pathlib import Path

# The users and what each of them may do; docs/OPERATIONS.md says what for.
DEFINITIONS = Path(__file__).resolve().parents[2] / "deploy" / "rabbitmq" / "definitions.json"
# One more on a private broker, who may do everything.
ALL_RIGHTS = {"user": "karaoke", "configure": ".*", "write": ".*", "read": ".*"}


def configuration(folder, s):
    """The text of rabbitmq.conf for the settings `s` of the broker in `folder`."""
    ports = s["ports"]
    lines = [
        "stomp.listeners.tcp.1 = %s" % listener(s["host"], ports["stomp"]),
        "vm_memory_high_watermark.absolute = %s" % s["memory"],
        "disk_free_limit.absolute = 200MB",
        # Counted from the delivery, and prefetched messages that wait count, too: two hours.
        "consumer_timeout = 7200000",
        "load_definitions = %s" % (folder / "definitions.json"),
        "log.file.level = info",
    ]
    schema = next((folder / "rabbitmq" / "plugins").glob("rabbitmq_stomp-*/priv/schema/*.schema"), None)
    if schema and "stomp.max_frame_size" in schema.read_text():  # RabbitMQ 3.12.2 and newer
        lines.append("stomp.max_frame_size = 4194304")
    if s["amqp"]:
        lines.append("listeners.tcp.1 = %s" % listener(s["host"], ports["amqp"]))
    else:
        lines.append("listeners.tcp = none")
    if s["management"]:
        lines += ["management.tcp.ip = " + s["host"], "management.tcp.port = %d" % ports["management"]]
    if s["tls_dir"]:
        lines.append("stomp.listeners.ssl.1 = %s" % listener(s["host"], ports["stomp_tls"]))
        for key, name in (("cacertfile", "ca.pem"), ("certfile", "cert.pem"), ("keyfile", "key.pem")):
            lines.append("ssl_options.%s = %s" % (key, Path(s["tls_dir"], name)))
        lines += ["ssl_options.verify = verify_none", "ssl_options.fail_if_no_peer_cert = false"]
    return "\n".join(lines) + "\n"


def definitions(passwords):
    """Users with these passwords, and the first virtual host, as RabbitMQ imports them."""
    tags = {"karaoke": ["administrator"]}
    users = [
        {
            "name": name, "password_hash": hash_password(password),
            "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": tags.get(name, []),
        }
        for name, password in passwords.items()
    ]
    return {"users": users, **virtual_host("/")}


def virtual_host(name):
    """What a virtual host consists of."""
    definitions = json.loads(DEFINITIONS.read_text())
    return {
        "vhosts": [{"name": name}],
        "permissions": [{**rights, "vhost": name} for rights in [ALL_RIGHTS, *definitions["permissions"]]],
        "topic_permissions": [{**rights, "vhost": name} for rights in definitions["topic_permissions"]],
    }


def hash_password(password):
    """What RabbitMQ keeps of a password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def listener(host, port):
    return "[%s]:%d" % (host, port) if ":" in host else "%s:%d" % (host, port)
