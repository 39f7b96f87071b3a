#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restore of a tree whose ids are all taken says by whom, for some, and counts the rest. So does
a report of many things of one kind; as JSON it has all of them.

wl: needs root
wl: areas cli-rpc"""

import json
import os
import signal
import subprocess

import dumped
from lib import system

THREADS = """
import threading, time
for _ in range(40):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
open("ready", "w").close()
time.sleep(1000)
"""
SOCKETS = """
import socket, time
kept = [socket.socket() for _ in range(30)]
open("ready", "w").close()
time.sleep(1000)
"""


def run(*words):
    return subprocess.run([dumped.TOOL, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)


def start(code):
    if os.path.exists("ready"):
        os.unlink("ready")
    tree = dumped.python(code)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    return tree


def main():
    dumped.begin()
    tree = start(THREADS)
    os.mkdir("images")
    done = run("dump", "-R", "-t", str(tree.pid), "-D", "images")
    dumped.check(done.returncode == 0, done.stderr)
    done = run("restore", "-d", "-D", "images")
    dumped.check(done.returncode == 1, done.stderr)
    named = [line for line in done.stderr.splitlines() if line.startswith("Refused")]
    dumped.check(len(named) == 11 and "31 more ids" in named[-1], done.stderr)
    dumped.check(f"id {tree.pid}: is taken by another task (" in named[0] and
                 f"parent {os.getpid()}" in named[0], named[0])
    dumped.check(system.process_state(tree.pid) == "S", "the tree was touched")
    tree.finish(signal.SIGKILL)

    tree = start(SOCKETS)
    done = run("dump", "-t", str(tree.pid), "-D", "images")
    named = [line for line in done.stderr.splitlines() if line.startswith("Refused")]
    dumped.check(len(named) == 10 and "  and 20 more: sockets " in done.stderr, done.stderr)
    said = json.loads(run("dump", "-t", str(tree.pid), "-D", "images", "--json").stdout)
    dumped.check(len(said["refusals"]) == 30, said)


main()
