#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool is killed with SIGKILL at instants all over a restore. After each there is either no
task of the tree, or, when the tool had let it go, all of it and well; no file is left beside
those that were there, but what crtools clean takes away; and the same images restore again.

CRTOOLS_TEST_KILLS says how many instants, CRTOOLS_TEST_SEED repeats a series.

wl: needs root
wl: timeout 600"""

import os
import signal
import time

import survivors
from survivors import await_gone, check, end, fail, run

from lib import system


def dying(pid):
    """SIGKILL is on its way to it."""
    text = system.read_text(f"/proc/{pid}/status") or ""
    return any(int(line.split()[1], 16) & 1 << (signal.SIGKILL - 1)
               for line in text.splitlines() if line.startswith(("SigPnd", "ShdPnd")))


def alive(pids):
    return [pid for pid in pids if system.exists(pid) and not dying(pid)]


def settle(tree, pids, context):
    """After a kill: all or nothing, and nothing in between that lasts. True: the tree was restored,
    and goes on: all may also be there for the moment before they end by themselves."""
    before = {name: beats for name, beats, _ in tree.slots()}
    deadline = time.monotonic() + 30
    left = []
    while time.monotonic() < deadline:
        system.reap()
        left = alive(pids)
        if not left:
            return False
        if len(left) == tree.living and all(beats > before[name] + 1
                                            for name, beats, _ in tree.slots()):
            return True
        time.sleep(0.001)
    fail(f"{context}: {len(left)} of {tree.living} tasks are left: "
         f"{[(pid, system.process_state(pid)) for pid in left]}\n{tree.explain()}")
    return False


def main():
    survivors.begin()
    tree = survivors.Subject()
    pids = tree.processes()
    tree.living = len(alive(pids))
    os.mkdir("images")
    dump = ["dump", "-D", "images", "-t", str(tree.pid)]
    restore = ["restore", "-D", "images", "-d"]
    status, said = run(*dump)
    check(status == 0, said)
    await_gone(pids, "the dumped tree")
    files = sorted(os.listdir("."))
    times = []
    for _ in range(3):
        start = time.monotonic()
        status, said = run(*restore)
        times.append(time.monotonic() - start)
        check(status == 0, said)
        tree.check_well("after an undisturbed restore")
        end(pids)
    span = sorted(times)[1]
    whole = 0
    count = survivors.kills(160)
    # Half of them where it is decided: as the tasks are let go.
    delays = survivors.instants(count // 2, span * 1.05)
    delays += [span * 0.75 + delay for delay in survivors.instants(count // 2, span * 0.3)]
    for number, delay in enumerate(delays):
        context = f"kill {number}, after {delay * 1e6:.0f} of {span * 1e6:.0f} us"
        survivors.run_killed(delay, *restore)
        if settle(tree, pids, context):
            whole += 1
            tree.check_well(context)
            run("clean")
            tree.check_maps(f"{context}, then crtools clean")
            tree.check_well(f"{context}, then crtools clean")
            end(pids)
        await_gone(pids, context)
        if number % 50 == 49:
            run("clean")
            now = sorted(os.listdir("."))
            check(now == files, f"{context}: files {files} became {now}")
    print(f"{whole} trees stood; one takes {span * 1e6:.0f} us")
    status, said = run("clean")
    check(status == 0, said)
    now = sorted(os.listdir("."))
    check(now == files, f"files {files} became {now}")
    check(not os.listdir("/run/crtools"), f"journals are left: {os.listdir('/run/crtools')}")
    status, said = run(*restore)
    check(status == 0, said)
    tree.check_well("after all that")


main()
