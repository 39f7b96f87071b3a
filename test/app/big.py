#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process of 4 GiB whose every page has contents of its own, and is checked after each restore
while new ones are written.

wl: needs root
wl: areas memory
wl: timeout 900"""

import os
import re
import subprocess

import cycles

MEBIBYTES = 4096
TURNS = 4


def available():
    with open("/proc/meminfo", encoding="ascii") as f:
        return int(re.search(r"^MemAvailable:\s*(\d+)", f.read(), re.M)[1]) >> 10


def main():
    cycles.begin()
    # The process, its images beside it, and a second process while they are read.
    if available() < 3 * MEBIBYTES:
        cycles.skip(f"the machine lacks {3 * MEBIBYTES} MiB of free memory")
    program = cycles.compile_c("big")
    app = cycles.App([program, str(MEBIBYTES), str(TURNS)], total=16 * TURNS,
                     moved=lambda: (cycles.system.read_text(app.log) or "").count("\n"))
    # Images in memory, in this test's mount namespace: the disk is not what is tested.
    os.mkdir("memory")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=90%", "images", "memory"], check=True)
    app.folder = os.path.abspath("memory")
    app.await_progress(1, 300)
    app.cycles()
    app.wait()
    lines = (cycles.system.read_text(app.log) or "").splitlines()
    places = [line.split()[:2] for line in lines[1:]]
    cycles.check(lines[0] == "filled" and places == [[str(turn), str(part)]
                 for turn in range(1, TURNS + 1) for part in range(16)],
                 f"the lines are not in their order: {lines}")


main()
