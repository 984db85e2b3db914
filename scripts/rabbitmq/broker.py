"""The broker of one folder: started, asked, stopped and killed."""

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from .configuration import configuration, definitions, virtual_host
from .errors import Failed
from .installation import find_erlang, find_rabbitmq, link_rabbitmq
from .processes import born, die_with_parent, gone, write_private
from .settings import CTL_PORTS, USERS

START_TIMEOUT_S = 60


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
        (self.dir / "rabbitmq.conf").write_text(configuration(self.dir, self.settings))
        write_private(self.dir / "definitions.json", json.dumps(definitions(self.settings["passwords"]), indent=2))

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
        end = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if self.pid() is None:
                raise Failed("RabbitMQ ended while it started:\n" + self.log_tail())
            if time.monotonic() > end:
                raise Failed("RabbitMQ did not answer within %d s:\n%s" % (START_TIMEOUT_S, self.log_tail()))
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
            command, env=env, input=given, text=True, timeout=START_TIMEOUT_S, cwd=self.dir,
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

    def sync(self):
        """Has it write to disk which queues there are.

        A receipt promises that of a message, not of the queue that the message is in: RabbitMQ 3.10 writes a new
        queue to its database's log and, when that log is just being put into place, not to disk at once. Killed
        within that moment, it comes back without the queue.
        """
        self.evaluate("begin ok = mnesia:sync_log(), true end")

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
        status = {
            "state": "running" if self.answers() else "not answering",
            "dir": str(self.dir), "pid": self.pid(), "node": self.node, "host": s["host"], "log": str(self.log),
            "url": self.url(), "server_url": self.url("karaoke-server"), "worker_url": self.url("karaoke-worker"),
        }
        if s["management"]:
            status["management"] = "http://%s:%d/" % (s["host"], s["ports"]["management"])
        if s["amqp"]:
            status["amqp_port"] = s["ports"]["amqp"]
        if s["tls_dir"]:
            status["tls_url"] = self.url(tls=True)
        return status
