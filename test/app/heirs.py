#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process whose threads end by each other's exec all the time is held a few hundred times: the
call that is made in it always has its answer, and it never takes harm.

wl: needs root
wl: areas task threads"""

import subprocess
import time

import cycles
from cycles import check, dumped

VISITS = 250


def main():
    cycles.begin()
    heirs = dumped.Tree([cycles.compile_c("heirs")])
    for number in range(1, VISITS + 1):
        said = subprocess.run([dumped.TOOL, "exec", "-t", str(heirs.pid), "getpid"],
                              capture_output=True, text=True, check=False)
        check(said.returncode == 0 and f"getpid() = {heirs.pid} " in said.stdout,
              f"visit {number} failed:\n{said.stdout}{said.stderr}")
    # Its first thread is a zombie now and then, until the heir has taken its place.
    check(any(heirs.alive() or time.sleep(0.005) for _ in range(400)), "the process has ended")
    heirs.end()


main()
