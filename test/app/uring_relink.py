#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rings of io_uring in a program whose vdso is not this kernel's (CRTOOLS_RELINK_VDSO): the
kernel's block is elsewhere then, and leaves a hole where it was, in which no ring may land.

wl: needs root io_uring
wl: areas aio-uring-bpf memory"""

import os
import subprocess

import cycles
from cycles import check, dumped

CODE = os.path.join(os.environ["SOURCE"], "test", "workload")


def main():
    cycles.begin()
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-pthread", "-I", CODE, "-o", "rings",
                    os.path.join(CODE, "uring", "rings.c"), os.path.join(CODE, "workload.c"),
                    "-luring"], check=True)
    tree = dumped.Tree([os.path.abspath("rings")])
    dumped.await_true("the program's being ready", lambda: os.path.exists("ready"))
    os.environ["CRTOOLS_RELINK_VDSO"] = "1"
    for _ in range(3):
        tree.must_dump()
        tree.must_restore()
    check(tree.finish() == 0,
          "the program found something wrong:\n" + cycles.system.read_text("log"))


main()
