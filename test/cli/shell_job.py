#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A root that does not lead its session: refused by name, at the dump as at the restore, unless
--shell-job is given; then the restored tree is in the session and the group of the caller.
--restore-sibling makes the root a child of the caller; a dump from within the tree is refused.

wl: needs root
wl: areas cli-rpc"""

import os
import signal
import subprocess
import sys

import dumped
from lib import system

STARTER = """
import os, time
if os.fork() == 0:
    os.setpgid(0, 0)
    os.execv("/bin/sleep", ["sleep", "1000"])
time.sleep(1000)
"""
WITHIN = """
import os, subprocess, sys, time
done = subprocess.run([sys.argv[1], "dump", "-D", ".", "-t", str(os.getpid())],
                      capture_output=True, text=True)
print(done.returncode, done.stderr, flush=True)
"""


def check_within():
    done = subprocess.run([sys.executable, "-I", "-S", "-c", WITHIN, dumped.TOOL],
                          capture_output=True, text=True, timeout=20, check=False)
    dumped.check(done.stdout.startswith("1 ") and "inside of the tree" in done.stdout,
                 f"a dump from within: {done.stdout}{done.stderr}")


def main():
    dumped.begin()
    check_within()
    outer = dumped.python(STARTER)
    dumped.await_true("the job", lambda: len(system.children(outer.pid)) == 1)
    job = dumped.Tree(["/bin/true"])
    job.pid = system.children(outer.pid)[0]
    dumped.await_true("its group", lambda: os.getpgid(job.pid) == job.pid)

    said = job.dump()
    dumped.check(not said and "--shell-job" in said.text and f"session {outer.pid}" in said.text,
                 f"a dump without --shell-job: {said.text}")
    dumped.check(job.alive(), "a refused dump has ended the job")
    os.kill(outer.pid, signal.SIGCHLD)
    outer_pid, outer.pid = outer.pid, 0
    os.kill(outer_pid, signal.SIGKILL)  # so that the job's end is ours to reap
    system.wait_child(outer_pid, 10)
    outer.pid = job.pid
    job.must_dump("--shell-job")

    said = job.restore()
    dumped.check(not said and "--shell-job" in said.text,
                 f"a restore without --shell-job: {said.text}")
    job.check_gone()
    job.must_restore("--shell-job", "--restore-sibling")
    dumped.check(os.getsid(job.pid) == os.getsid(0), "not in the caller's session")
    dumped.check(os.getpgid(job.pid) == job.pid, "not in its own group")
    with open(f"/proc/{job.pid}/stat", encoding="ascii") as f:
        dumped.check(int(f.read().rsplit(")", 1)[1].split()[1]) == os.getpid(),
                     "not a child of the caller")
    status = job.finish()
    dumped.check(os.WTERMSIG(status) == signal.SIGTERM, f"ended with {status}")


main()
