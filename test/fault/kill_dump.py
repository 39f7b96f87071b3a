#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool is killed with SIGKILL at instants all over a dump: after each, every task of the tree
is there, none is stopped or traced, all go on with what they did, and none has noticed anything.
At the end, crtools clean takes away what was left, and memory maps are what they were.

CRTOOLS_TEST_KILLS says how many instants, CRTOOLS_TEST_SEED repeats a series.

wl: needs root
wl: timeout 600"""

import os
import subprocess

import survivors
from survivors import check, run


def main():
    survivors.begin()
    tree = survivors.Subject()
    # In memory: how fast the disk is makes no difference but for the time that this takes.
    os.mkdir("images")
    subprocess.run(["mount", "-t", "tmpfs", "images", "images"], check=True)
    words = ["dump", "-D", "images", "-t", str(tree.pid), "-R"]
    status, said = run(*words)
    check(status == 0, said)
    tree.check_well("after an undisturbed dump")
    tree.check_maps("after an undisturbed dump")
    span = survivors.measured(*words)
    done = 0
    for number, delay in enumerate(survivors.instants(survivors.kills(1000), span * 1.05)):
        done += survivors.run_killed(delay, *words) == 0
        tree.check_well(f"kill {number}, after {delay * 1e6:.0f} of {span * 1e6:.0f} us")
    print(f"{done} dumps were done before they were killed; one takes {span * 1e6:.0f} us")
    status, said = run("clean")
    check(status == 0, said)
    tree.check_maps("after crtools clean")
    tree.check_well("after crtools clean")
    left = [name for name in os.listdir("images") if name.startswith(".")]
    check(not left, f"clean has left {left}")
    status, said = run(*words)
    check(status == 0, f"a dump after all that: {said}")


main()
