#!/usr/bin/env python3
"""Runs a private RabbitMQ with STOMP, everything of it under one folder. Installs nothing.

It has its own node name, ports, cookie, users and data, and meets no other RabbitMQ on the machine, also not the
one that a package may have started. Needs RabbitMQ 3.10 or newer (Debian, Ubuntu: `make broker` installs it),
Python 3.9 or newer, and no root.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from rabbitmq.broker import Broker
from rabbitmq.errors import Failed
from rabbitmq.settings import CTL_PORTS, PORTS, settle

REPOSITORY = Path(__file__).resolve().parent.parent


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
        "sync": lambda _: broker.sync(),
        "vhost": broker.add_virtual_host,
    }
    try:
        answer(lambda _: first_start(broker, options), None)
        for line in sys.stdin:
            word, _, argument = line.strip().partition(" ")
            answer(commands[word], argument)
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


def answer(ask, argument):
    """Prints what a command gives, or its error, as one line of JSON."""
    try:
        line = {"ok": ask(argument)}
    except (Failed, OSError, subprocess.SubprocessError) as error:
        line = {"error": str(error)}
    print(json.dumps(line), flush=True)


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
        result = options.run(broker, options)
    except Failed as failed:
        sys.exit("broker: %s" % failed)
    if result is not None:
        print(result if isinstance(result, str) else json.dumps(result, indent=2, ensure_ascii=False))
    if options.run is status and result["state"] != "running":
        sys.exit(3)


if __name__ == "__main__":
    main()
