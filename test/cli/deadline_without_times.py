#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A set as CRIU writes it has the deadline policy, but none of its times: the restore is refused
by name before anything is forked. With the image of our own that has them it succeeds.

wl: needs root
wl: areas task"""

import glob
import os

import dumped
from dumped import check

PROGRAM = """
import ctypes, struct, time
attr = struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 2000000, 10000000, 20000000)
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall({}, 0, attr, 0):
    raise OSError(ctypes.get_errno(), "sched_setattr")
print("ready", flush=True)
while True:
    time.sleep(0.01)
"""
SYS_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}[os.uname().machine]


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM.format(SYS_SCHED_SETATTR))
    dumped.await_true("the program", lambda: "ready" in (dumped.system.read_text(tree.log) or ""))
    tree.must_dump()
    own = glob.glob(f"{tree.images}/crtools-*.img")
    check(own, "there are no images of our own")
    for path in own:
        os.rename(path, path + ".aside")
    said = tree.restore()
    check(not said, "it was restored without its times")
    check("SCHED_DEADLINE" in said.text and "scheduling of thread" in said.text, said.text)
    check("sched_setattr" not in said.text, f"it was tried all the same:\n{said.text}")
    tree.check_gone()
    for path in own:
        os.rename(path + ".aside", path)
    tree.must_restore()
    check(os.sched_getscheduler(tree.pid) == 6, "it has another policy")


main()
