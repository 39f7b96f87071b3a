#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody kills a task below the root in the middle of a restore, when it is nobody's child who
could notice: the restore fails soon, says which task it was, and leaves nothing behind. A kill
that comes when the tree has been let go is the program's own affair.

wl: needs root
wl: timeout 300
wl: idle"""

import os
import re
import signal
import subprocess
import time

import survivors
from survivors import await_gone, check, end, run

from lib import system


def await_task(tool, pid):
    """Until the task is there, or the restore is over."""
    while not os.path.exists(f"/proc/{pid}"):
        if tool.poll() is not None:
            return False
    return True


def restore_and_kill(pid, delay):
    """(status, output) of a restore, one of whose tasks is killed so long after its birth."""
    with subprocess.Popen([survivors.TOOL, "restore", "-D", "images", "-d"], text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=survivors.environment()) as tool:
        if await_task(tool, pid):
            time.sleep(delay)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        said, _ = tool.communicate(timeout=60)
        return tool.returncode, said


def main():
    survivors.begin()
    tree = survivors.Subject()
    pids = tree.processes()
    below = [pid for pid in pids[1:] if system.process_state(pid) != "Z"]
    os.mkdir("images")
    status, said = run("dump", "-D", "images", "-t", str(tree.pid))
    check(status == 0, said)
    await_gone(pids, "the dumped tree")
    refused = 0
    for number, pid in enumerate(below * 3):
        context = f"task {pid} killed, {number}"
        status, said = restore_and_kill(pid, (number // len(below)) * 0.002)
        if status == 0:
            end(pids)
        else:
            refused += 1
            check(status == 1, f"{context}: status {status}: {said}")
            check(re.search(r"^Error: .*\b\d+\b", said, re.M), f"{context}: names nobody: {said}")
        await_gone(pids, context)
    check(refused, "no kill came in time")
    print(f"{refused} of {3 * len(below)} kills came in time")
    status, said = run("clean")
    check(status == 0, said)
    check(not os.listdir("/run/crtools"), f"journals are left: {os.listdir('/run/crtools')}")
    status, said = run("restore", "-D", "images", "-d")
    check(status == 0, said)
    tree.check_well("after all that")


main()
