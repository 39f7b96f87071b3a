#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A tree with more queued signals than the tool's limit leaves: the restore is refused before the
fork, with both numbers, and works when the limit is raised.

wl: needs root
wl: areas signals"""

import os
import resource
import subprocess

import dumped

PROGRAM = """
import ctypes, os, signal, time
signal.pthread_sigmask(signal.SIG_BLOCK, [40])
for i in range(150):
    assert ctypes.CDLL(None).sigqueue(os.getpid(), 40, ctypes.c_void_p(i)) == 0
open("ready", "w").close()
time.sleep(1000)
"""


dumped.begin()
tree = dumped.python(PROGRAM)
dumped.await_true("the program", lambda: os.path.exists("ready"))
tree.must_dump()
hard = resource.getrlimit(resource.RLIMIT_SIGPENDING)[1]
done = subprocess.run(
    [dumped.TOOL, "restore", "-d", "-D", tree.images], capture_output=True, text=True, check=False,
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_SIGPENDING, (100, hard)))
dumped.check(done.returncode == 1, "restored over the limit")
dumped.check("need 150 places" in done.stderr and "the limit is 100" in done.stderr, done.stderr)
tree.check_gone()
tree.must_restore()
pending = next(line.split()[1] for line in open(f"/proc/{tree.pid}/status", encoding="utf-8")
               if line.startswith("ShdPnd"))
dumped.check(int(pending, 16) == 1 << 39, f"pending: {pending}")
