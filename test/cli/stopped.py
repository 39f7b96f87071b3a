#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--leave-stopped of dump and restore: all tasks stand in state T, as by SIGSTOP, and go on with
SIGCONT. --leave-running: all run on, and the images are good.

wl: needs root
wl: areas task"""

import os
import signal
import subprocess

import dumped
from lib import system

TREE = """
import os, threading, time
def work():
    while True:
        time.sleep(0.01)
if os.fork() == 0:
    os.fork()
threading.Thread(target=work).start()
work()
"""


def states(tree):
    found = []
    for pid in [tree.pid] + system.descendants(tree.pid):
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/stat", encoding="ascii") as f:
                found.append(f.read().rsplit(")", 1)[1].split()[0])
    return found


def run_on(tree, what):
    for pid in [tree.pid] + system.descendants(tree.pid):
        os.kill(pid, signal.SIGCONT)
    dumped.await_true(f"{what}: all tasks run", lambda: "T" not in states(tree))


def dump(tree, name, *words):
    os.mkdir(name)
    done = subprocess.run([dumped.TOOL, "dump", "-D", name, "-t", str(tree.pid), *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    dumped.check(done.returncode == 0, done.stdout + done.stderr)
    tree.images = os.path.abspath(name)


def main():
    dumped.begin()
    tree = dumped.python(TREE)
    dumped.await_true("six threads", lambda: len(states(tree)) == 6)
    dump(tree, "stopped", "--leave-stopped")
    dumped.await_true("all are stopped by the dump", lambda: states(tree) == ["T"] * 6, 2)
    run_on(tree, "after the dump")
    dump(tree, "running", "--leave-running")
    dumped.check("T" not in states(tree) and len(states(tree)) == 6, f"running: {states(tree)}")
    tree.end()
    tree.number = 1
    tree.must_restore("--leave-stopped")
    dumped.await_true("all are stopped by the restore", lambda: states(tree) == ["T"] * 6, 2)
    run_on(tree, "after the restore")


main()
