#!/usr/bin/env python3
"""Runs a private RabbitMQ with STOMP, everything of it under one folder. Installs nothing.

It has its own node name, ports, cookie, users and data, and meets no other RabbitMQ on the machine, also not the
one that a package may have started. Needs RabbitMQ 3.10 or newer (Debian, Ubuntu: `make broker` installs it),
Python 3.9 or newer, and no root.
"""

import argparse
import base64
import contextlib
import ctypes
import fcntl
import glob
import hashlib
import ipaddress
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PATIENCE_S = 60

# The users and what each of them may do; docs/OPERATIONS.md says what for.
DEFINITIONS = REPOSITORY / "deploy" / "rabbitmq" / "definitions.json"
# One more on a private broker, who may do everything.
ALL_RIGHTS = {"user": "karaoke", "configure": ".*", "write": ".*", "read": ".*"}
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


class Failed(Exception):
    """Ends a command with one clear line."""


# ---- what a broker is -----------------------------------------------------------------------------------------


class Broker:
    """The broker of one folder: its settings, its processes, and what can be done with them."""

    def __init__(self, folder):
        self.dir = Path(folder).resolve()
        self.settings = self._saved()
        self.dies_with_us = False

    def _saved(self):
        try:
            return json.loads((self.dir / "settings.json").read_text())
        except FileNotFoundError:
            return {}

    def save(self, settings):
        self.dir.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        write_private(self.dir / "settings.json", json.dumps(settings, indent=2))

    @contextlib.contextmanager
    def lock(self):
        """Lets one command at a time change what runs."""
        self.dir.mkdir(parents=True, exist_ok=True)
        with open(self.dir / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @property
    def node(self):
        host = self.settings["node_ip"]
        return "karaoke@" + ("localhost" if host == "127.0.0.1" else host)

    @property
    def log(self):
        return self.dir / "log" / "broker.log"

    def url(self, user="karaoke", tls=False):
        """Where a user of this machine reaches it."""
        scheme, port = ("stomps", "stomp_tls") if tls else ("stomp", "stomp")
        host = self.settings["host"]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        host = "[%s]" % host if ":" in host else host
        password = self.settings["passwords"][user]
        return "%s://%s:%s@%s:%d/" % (scheme, user, password, host, self.settings["ports"][port])

    def pid(self, what="broker"):
        """The process id of the broker (its Erlang machine) or of its epmd; None when it does not run."""
        try:
            pid, since = (self.dir / (what + ".pid")).read_text().split(" ", 1)
        except (OSError, ValueError):
            return None
        return int(pid) if born(int(pid)) == since else None

    def signal(self, number, what="broker"):
        pid = self.pid(what)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return pid is not None

    def environment(self):
        """What RabbitMQ's own scripts read, so that they find this broker and nothing of the system's."""
        ports, b = self.settings["ports"], str(self.dir)
        address = self.settings["node_ip"].replace(".", ",")
        erl = "-kernel inet_dist_use_interface {%s}" % address
        # Loading code is much waiting between threads: without a little busy waiting it takes twice as long.
        erl += " +sbwt medium +sbwtdcpu medium +sbwtdio medium"
        env = {
            "PATH": os.environ.get("PATH", os.defpath), "HOME": b + "/home", "LC_ALL": "C.UTF-8",
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": b + "/rabbitmq.conf",
            "RABBITMQ_CONFIG_FILES": b + "/conf.d/*.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": b + "/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": b + "/enabled_plugins",
            "RABBITMQ_PLUGINS_DIR": b + "/rabbitmq/plugins",
            "RABBITMQ_MNESIA_BASE": b + "/data",
            "RABBITMQ_GENERATED_CONFIG_DIR": b + "/schema",
            "RABBITMQ_LOG_BASE": b + "/log", "RABBITMQ_LOGS": str(self.log),
            "RABBITMQ_PID_FILE": b + "/rabbitmq.pid",
            "RABBITMQ_DIST_PORT": str(ports["dist"]),
            "RABBITMQ_CTL_DIST_PORT_MIN": str(ports["ctl"]),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(ports["ctl"] + CTL_PORTS),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": erl,
            "ERL_EPMD_PORT": str(ports["epmd"]), "ERL_EPMD_ADDRESS": self.settings["node_ip"],
            "ERL_CRASH_DUMP_BYTES": "0",
            # Makes the script become the Erlang machine instead of waiting for it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
        if not self.node.endswith("@localhost"):
            env["RABBITMQ_USE_LONGNAME"] = "true"
        return env

    # ---- starting ----

    def start(self):
        """Starts it unless it runs; returns when STOMP answers."""
        with self.lock():
            if self.pid() is None:
                self._prepare()
                self._start_epmd()
                self._spawn()
            try:
                self._wait_until_ready()
            except Failed:
                self._kill()
                raise

    def _prepare(self):
        for sub in ("home", "log", "data"):
            (self.dir / sub).mkdir(parents=True, exist_ok=True)
        cookie = self.dir / "home" / ".erlang.cookie"
        if not cookie.exists():
            write_private(cookie, secrets.token_hex(20), 0o400)
        plugins = ["rabbitmq_stomp"] + ["rabbitmq_management"] * self.settings["management"]
        install = find_rabbitmq()
        link_rabbitmq(install, self.dir / "rabbitmq", plugins)
        (self.dir / "enabled_plugins").write_text("[%s].\n" % ",".join(plugins))
        (self.dir / "rabbitmq.conf").write_text(self._configuration())
        write_private(self.dir / "definitions.json", json.dumps(self._definitions(), indent=2))

    def _configuration(self):
        s, ports = self.settings, self.settings["ports"]
        lines = [
            "stomp.listeners.tcp.1 = %s" % listener(s["host"], ports["stomp"]),
            "vm_memory_high_watermark.absolute = %s" % s["memory"],
            "disk_free_limit.absolute = 200MB",
            # Counted from the delivery, and prefetched messages that wait count, too: two hours.
            "consumer_timeout = 7200000",
            "load_definitions = %s" % (self.dir / "definitions.json"),
            "log.file.level = info",
        ]
        schema = next((self.dir / "rabbitmq" / "plugins").glob("rabbitmq_stomp-*/priv/schema/*.schema"), None)
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

    def _definitions(self):
        tags = {"karaoke": ["administrator"]}
        users = [
            {
                "name": name, "password_hash": hash_password(password),
                "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": tags.get(name, []),
            }
            for name, password in self.settings["passwords"].items()
        ]
        return {"users": users, **virtual_host("/")}

    def _start_epmd(self):
        """Starts Erlang's port mapper; one of ours, so that it can be stopped without asking whose it is."""
        if self.pid("epmd") is not None:
            return
        command = [find_erlang("epmd"), "-port", str(self.settings["ports"]["epmd"])]
        command += ["-address", self.settings["node_ip"]]
        self._popen(command, "epmd")

    def _spawn(self):
        (self.dir / "rabbitmq.pid").unlink(missing_ok=True)
        self._popen([str(self.dir / "rabbitmq" / "sbin" / "rabbitmq-server")], "broker")

    def _popen(self, command, what):
        with open(self.dir / "log" / "output", "ab") as output:
            child = subprocess.Popen(
                command, env=self.environment(), cwd=self.dir, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True, preexec_fn=die_with_parent if self.dies_with_us else None,
            )
        (self.dir / (what + ".pid")).write_text("%d %s" % (child.pid, born(child.pid)))

    def _wait_until_ready(self):
        end = time.monotonic() + PATIENCE_S
        while not self.answers():
            if self.pid() is None:
                raise Failed("RabbitMQ ended while it started:\n" + self.log_tail())
            if time.monotonic() > end:
                raise Failed("RabbitMQ did not answer within %d s:\n%s" % (PATIENCE_S, self.log_tail()))
            time.sleep(0.02)

    def answers(self):
        """Whether every user can connect over STOMP: it listens before it has read who its users are."""
        return all(self._lets_in(user) for user in USERS)

    def _lets_in(self, user):
        address = (self.url().split("@")[1].rsplit(":", 1)[0].strip("[]"), self.settings["ports"]["stomp"])
        login = (user, self.settings["passwords"][user])
        frame = "CONNECT\naccept-version:1.2\nhost:/\nlogin:%s\npasscode:%s\n\n\0" % login
        try:
            with socket.create_connection(address, 2) as connection:
                connection.sendall(frame.encode())
                return connection.recv(64).startswith(b"CONNECTED")
        except OSError:
            return False

    def log_tail(self, lines=40):
        tail = []
        for path in (self.dir / "log" / "output", self.log):
            with contextlib.suppress(OSError):
                tail += path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(tail)

    # ---- ending ----

    def stop(self):
        """Stops it in good order."""
        with self.lock():
            self.signal(signal.SIGCONT)
            if self.signal(signal.SIGTERM) and not gone(self.pid, 30):
                self.signal(signal.SIGKILL)
            self._kill()

    def kill(self):
        """Kills it as a power cut would: no goodbye, nothing written that was not written."""
        with self.lock():
            self._kill()

    def _kill(self):
        for what in ("broker", "epmd"):
            if self.signal(signal.SIGKILL, what) and not gone(lambda: self.pid(what), 10):
                raise Failed("%s (process %d) does not die" % (what, self.pid(what)))
            (self.dir / (what + ".pid")).unlink(missing_ok=True)

    def reset(self):
        """Forgets queues and messages; runs afterwards if it ran before."""
        ran = self.pid() is not None
        self.kill()
        shutil.rmtree(self.dir / "data", ignore_errors=True)
        if ran:
            self.start()

    # ---- asking ----

    def evaluate(self, expression):
        """The value of an Erlang expression in the running broker, as JSON."""
        if self.pid() is None:
            raise Failed("the broker does not run")
        answer = self.dir / "answer.json"
        answer.unlink(missing_ok=True)
        code = 'file:write_file("%s", rabbit_json:encode(%s)).\n' % (answer, expression)
        env = self.environment()
        if shutil.which(find_erlang("erl_call")):  # about 10 ms; rabbitmqctl takes half a second
            name = ["-name" if "RABBITMQ_USE_LONGNAME" in env else "-sname", self.node]
            command, given = [find_erlang("erl_call"), *name, "-e"], code
        else:
            command, given = [str(self.dir / "rabbitmq/sbin/rabbitmqctl"), "eval", code], None
        done = subprocess.run(
            command, env=env, input=given, text=True, timeout=PATIENCE_S, cwd=self.dir,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        if not answer.exists():
            raise Failed("the broker did not answer: " + done.stdout.strip())
        return json.loads(answer.read_text())

    def queues(self):
        """Every queue as it is now: each one is asked, no statistics are read."""
        keys = "[name, messages, messages_ready, messages_unacknowledged, consumers, arguments]"
        rows = self.evaluate(
            "[[V, element(4, proplists:get_value(name, I)), maps:from_list(proplists:delete(name, "
            "[{K, case K of arguments -> [[N, A] || {N, _, A} <- X]; _ -> X end} || {K, X} <- I]))]"
            " || V <- rabbit_vhost:list_names(), I <- rabbit_amqqueue:info_all(V, %s)]" % keys
        )
        return [
            {"virtual_host": v, "name": name, **info, "arguments": dict(info["arguments"])} for v, name, info in rows
        ]

    def add_virtual_host(self, name):
        """Makes a virtual host with the same permissions as the first one."""
        path = self.dir / "virtual_host.json"
        path.write_text(json.dumps(virtual_host(name)))
        return self.evaluate(
            'begin {ok, B} = file:read_file("%s"), case rabbit_definitions:import_raw(B) of '
            'ok -> true; E -> list_to_binary(io_lib:format("~0p", [E])) end end' % path
        )

    def status(self):
        if not self.settings or self.pid() is None:
            return {"state": "stopped", "dir": str(self.dir)}
        s = self.settings
        told = {
            "state": "running" if self.answers() else "not answering",
            "dir": str(self.dir), "pid": self.pid(), "node": self.node, "host": s["host"], "log": str(self.log),
            "url": self.url(), "server_url": self.url("karaoke-server"), "worker_url": self.url("karaoke-worker"),
        }
        if s["management"]:
            told["management"] = "http://%s:%d/" % (s["host"], s["ports"]["management"])
        if s["amqp"]:
            told["amqp_port"] = s["ports"]["amqp"]
        if s["tls_dir"]:
            told["tls_url"] = self.url(tls=True)
        return told


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


# ---- the RabbitMQ that is installed ---------------------------------------------------------------------------


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


# ---- processes ------------------------------------------------------------------------------------------------


def born(pid):
    """When a living process began, so that another one with its number is not taken for it; None: it is dead."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    asked = subprocess.run(["ps", "-o", "state=,lstart=", "-p", str(pid)], stdout=subprocess.PIPE, text=True)
    state, _, since = asked.stdout.strip().partition(" ")
    return None if state.startswith("Z") or not since else since.strip()


def gone(pid, patience_s):
    """Waits until there is no such process any more; false when it stays."""
    end = time.monotonic() + patience_s
    while pid() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def die_with_parent():
    """Asks Linux to kill this process when its parent is gone."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def write_private(path, text, mode=0o600):
    """Writes a file that only its owner reads, whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    os.replace(beside, path)


# ---- settings -------------------------------------------------------------------------------------------------


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


# ---- commands -------------------------------------------------------------------------------------------------


def start(broker, options):
    """starts it unless it runs, waits until STOMP answers, and prints its URL

    What is not said stays as it was at the last start. Reachable from other machines it has secret passwords, new
    for each folder; `status` tells them.
    """
    runs = bool(broker.settings) and broker.pid() is not None
    settings = settle(broker.settings, options, runs)
    if not runs:
        broker.save(settings)
    elif settings != broker.settings:
        raise Failed("it runs already, with other settings; stop it first")
    broker.start()
    return broker.url()


def stop(broker, _):
    """stops it in good order; messages stay"""
    broker.stop()


def kill(broker, _):
    """kills it as a power cut would; persistent messages stay"""
    broker.kill()


def reset(broker, _):
    """forgets all queues and messages; it runs afterwards if it ran before"""
    broker.reset()


def freeze(broker, _):
    """stops the clock for it (SIGSTOP)"""
    broker.signal(signal.SIGSTOP)


def resume(broker, _):
    """lets a frozen one go on (SIGCONT)"""
    broker.signal(signal.SIGCONT)


def status(broker, _):
    """prints what it is and where, as JSON; fails when it does not run"""
    return broker.status()


def queues(broker, _):
    """prints every queue as it is now, as JSON"""
    return broker.queues()


def vhost(broker, options):
    """makes a virtual host NAME with the same permissions as the first"""
    broker.add_virtual_host(options.name)


def ctl(broker, options):
    """becomes rabbitmqctl for this broker: ctl list_connections user client_properties"""
    command = str(broker.dir / "rabbitmq" / "sbin" / "rabbitmqctl")
    os.execve(command, [command, *options.arguments], broker.environment())


def serve(broker, options):
    """runs one in a folder of its own, for as long as standard input is open

    Commands come in there, one a line, and each gets one line: {"ok": ...} or {"error": "..."}. At the end the
    broker is killed and the folder removed: whatever becomes of a test, nothing of its broker stays.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    broker.dies_with_us = True
    commands = {
        "start": lambda _: broker.start(),
        "kill": lambda _: broker.kill(),
        "freeze": lambda _: freeze(broker, _),
        "resume": lambda _: resume(broker, _),
        "queues": lambda _: broker.queues(),
        "status": lambda _: broker.status(),
        "log": lambda _: broker.log_tail(),
        "vhost": broker.add_virtual_host,
    }
    try:
        tell(lambda _: first_start(broker, options), None)
        for line in sys.stdin:
            word, _, argument = line.strip().partition(" ")
            tell(commands[word], argument)
    except BrokenPipeError:
        pass
    finally:
        if broker.settings:
            broker.kill()
        shutil.rmtree(broker.dir, ignore_errors=True)


def first_start(broker, options):
    """Starts on free ports; somebody else may take one of them in the meantime."""
    for attempt in range(3):
        try:
            start(broker, options)
            return broker.status()
        except Failed:
            if attempt == 2 or options.ports_from != 0:
                raise


def tell(ask, argument):
    try:
        answer = {"ok": ask(argument)}
    except (Failed, OSError, subprocess.SubprocessError) as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", help="the folder of everything (default: .broker in the repository)")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    made = {}
    for command in (start, stop, kill, status, queues, reset, freeze, resume, vhost, ctl, serve):
        about = command.__doc__.splitlines()[0]
        made[command] = commands.add_parser(command.__name__, help=about, description=command.__doc__)
        made[command].set_defaults(run=command)
        if command is not ctl:  # after the command, too
            made[command].add_argument("--dir", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    made[vhost].add_argument("name")
    for command in (start, serve):
        add_settings(made[command])
    made[serve].set_defaults(ports_from=0)
    ours, theirs = sys.argv[1:], []
    if "ctl" in ours:
        ours, theirs = ours[: ours.index("ctl") + 1], ours[ours.index("ctl") + 1 :]
    return parser.parse_args(ours, argparse.Namespace(arguments=theirs))


def add_settings(parser):
    add = parser.add_argument
    add("--host", metavar="IP", help="address that others reach it at; 0.0.0.0: all (default: 127.0.0.1)")
    add("--node-ip", metavar="IP", help="address of Erlang's own ports (default: 127.0.0.1)")
    add("--memory", metavar="SIZE", help="publishers wait when it holds more than this (default: 1GB)")
    add("--tls-dir", metavar="DIR", help="folder with ca.pem, cert.pem, key.pem: STOMP over TLS as well")
    switch = argparse.BooleanOptionalAction
    add("--management", action=switch, help="the management page as well; starts slower (default: no)")
    add("--amqp", action=switch, help="AMQP as well (default: no)")
    last = PORTS["ctl"][0] + CTL_PORTS
    add("--ports-from", type=int, metavar="N", help="all ports from N to N+%d; 0: free ones" % last)
    for name, (_, default) in PORTS.items():
        option = "--%s-port" % name.replace("_", "-")
        add(option, type=int, metavar="PORT", help="(default: %d)" % default)


def main():
    options = parse()
    folder = options.dir or REPOSITORY / ".broker"
    if options.run is serve:
        folder = tempfile.mkdtemp(prefix="karaoke-broker-")
    broker = Broker(folder)
    try:
        if not broker.settings and options.run not in (start, serve, status):
            raise Failed("there is no broker in %s" % broker.dir)
        told = options.run(broker, options)
    except Failed as failed:
        sys.exit("broker: %s" % failed)
    if told is not None:
        print(told if isinstance(told, str) else json.dumps(told, indent=2, ensure_ascii=False))
    if options.run is status and told["state"] != "running":
        sys.exit(3)


if __name__ == "__main__":
    main()
