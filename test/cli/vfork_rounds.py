#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process whose wait in vfork(2) ends in the middle of an attempt to freeze it, after others that
have failed: it is let go of, found again, and dumped, and goes on.

wl: needs root
wl: areas task"""

import os
import subprocess
import time

import dumped

from lib import system

ROUNDS = 3
PAUSE = 0.035  # into an attempt, when it has been given up and its threads are being let go of

# posix_spawn(3) is a vfork(2) whose child opens the FIFO before its exec.
SPAWN = """
import os, sys, time
while True:
    child = os.posix_spawn("/bin/true", ["true"], {}, file_actions=[
        (os.POSIX_SPAWN_OPEN, 9, "gate", os.O_RDONLY, 0)])
    os.waitpid(child, 0)
    with open("turns", "a") as f:
        f.write("turn\\n")
    time.sleep(0.005)
"""


def open_gate():
    """True if a child was waiting there."""
    try:
        os.close(os.open("gate", os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def attempts(log):
    return (system.read_text(log) or "").count("trying again")


def turns():
    return len((system.read_text("turns") or "").splitlines())


def main():
    dumped.begin()
    os.mkfifo("gate")
    tree = dumped.python(SPAWN)
    for turn in range(ROUNDS):
        dumped.await_true("a child at the gate", lambda: (
            "S" in map(system.process_state, system.descendants(tree.pid))))
        images = f"images-{turn}"
        os.mkdir(images)
        tool = subprocess.Popen(
            [dumped.TOOL, "dump", "-R", "-t", str(tree.pid), "-D", images, "-o", "log", "-v4"],
            stdin=subprocess.DEVNULL)
        dumped.await_true("two attempts", lambda: attempts(f"{images}/log") >= 2)
        time.sleep(PAUSE)
        before = turns()
        dumped.check(open_gate(), "no child waits at the gate")
        deadline = time.monotonic() + 20
        while tool.poll() is None:  # it may have come to the gate again before it was held
            dumped.check(time.monotonic() < deadline, "the dump does not end:\n" +
                         system.read_text(f"{images}/log")[-2000:])
            time.sleep(0.1)
            open_gate()
        dumped.check(tool.returncode == 0, system.read_text(f"{images}/log")[-2000:])
        open_gate()
        dumped.await_true("a turn of the program", lambda n=before: turns() > n)


main()
