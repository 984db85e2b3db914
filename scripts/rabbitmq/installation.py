"""Finds the RabbitMQ and the Erlang that are installed, and makes a lean view of them."""

import glob
import os
import re
import shutil
from pathlib import Path

from .errors import Failed


def find_rabbitmq():
    """The folder with sbin/, plugins/ and escript/."""
    places = [os.environ.get("RABBITMQ_HOME", ""), *sorted(glob.glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*"))[::-1]]
    places += ["/opt/homebrew/opt/rabbitmq", "/usr/local/opt/rabbitmq", "/opt/rabbitmq"]
    for place in filter(None, places):
        if Path(place, "sbin", "rabbitmq-server").exists():
            return Path(place)
    raise Failed(
        "RabbitMQ is not installed. On Debian and Ubuntu `make broker` installs it; elsewhere install RabbitMQ 3.10 "
        "or newer yourself, and set RABBITMQ_HOME if it lies in an unusual place."
    )


def find_erlang(program):
    """Erlang's own programs are not always in the PATH."""
    places = [Path(p) for p in ("/usr/lib/erlang/bin", "/opt/homebrew/opt/erlang/lib/erlang/bin")]
    found = [str(place / program) for place in places if (place / program).exists()]
    return shutil.which(program) or (found or [program])[0]


def link_rabbitmq(install, folder, plugins):
    """A view of the installed RabbitMQ with the needed plugins alone: it starts in half the time.

    Erlang looks for each of a thousand modules in every plugin's folder.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "plugins").mkdir(parents=True)
    for part in ("sbin", "escript"):
        if (install / part).exists():
            (folder / part).symlink_to(install / part)
    there = {path.name.rsplit("-", 1)[0]: path for path in (install / "plugins").iterdir()}
    wanted, linked = ["rabbit", "rabbitmq_prelaunch", *plugins], set()
    while wanted:
        name = wanted.pop()
        if name in linked or name not in there:  # not there: part of Erlang itself
            continue
        linked.add(name)
        (folder / "plugins" / there[name].name).symlink_to(there[name])
        manifest = there[name] / "ebin" / (name + ".app")
        wanted += re.findall(r"\w+", re.search(r"\{applications,\s*\[(.*?)\]", manifest.read_text(), re.S).group(1))
    missing = [plugin for plugin in ["rabbit", *plugins] if plugin not in linked]
    if missing:
        raise Failed("the RabbitMQ in %s has no %s" % (install, ", ".join(missing)))
