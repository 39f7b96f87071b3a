#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program goes through five restores, each of which takes this kernel's vdso for another one than
that of the dump (CRTOOLS_RELINK_VDSO): the functions at the addresses that it knows have to lead to
the kernel's, also through the vdso of the restore before, and the last cycles, which find nothing
to relink, have to keep what was relinked before.

wl: needs root
wl: areas task memory"""

import os
import subprocess

import cycles
from cycles import check, dumped

CODE = os.path.join(os.environ["SOURCE"], "test", "workload")


def maps(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as f:
        return {line.split()[-1]: line.split("-")[0] for line in f if "[vdso]" in line}


def main():
    cycles.begin()
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-pthread", "-I", CODE, "-o", "vdso_call",
                    os.path.join(CODE, "arch", "vdso_call.c"),
                    os.path.join(CODE, "workload.c")], check=True)
    tree = dumped.Tree([os.path.abspath("vdso_call")])
    dumped.await_true("the program's being ready", lambda: os.path.exists("ready"))
    for cycle in range(7):
        before = maps(tree.pid)
        tree.must_dump()
        os.environ["CRTOOLS_RELINK_VDSO"] = "1" if cycle < 5 else "0"
        tree.must_restore()
        moved = before != maps(tree.pid)
        check(moved == (cycle < 5), f"cycle {cycle}: the vdso {'moved' if moved else 'stayed'}")
    check(tree.finish() == 0,
          "the program found something wrong:\n" + cycles.system.read_text("log"))


main()
