#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restore of a tree whose ids are all taken says by whom, for some, and counts the rest; also of
an id that is taken only after the restore had looked, or by the rest of a process group. So does a
report of many things of one kind; as JSON it has all of them. Dead tasks that nobody reaps are not
waited for one by one.

wl: needs root
wl: areas cli-rpc"""

import json
import os
import signal
import subprocess
import sys

import dumped
from lib import system

THREADS = """
import threading, time
for _ in range(40):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
open("ready", "w").close()
time.sleep(1000)
"""
LOCKS = """
import fcntl, time
kept = [open(f"file-{n}", "w") for n in range(30)]
for file in kept:
    fcntl.flock(file, fcntl.LOCK_EX)
open("ready", "w").close()
time.sleep(1000)
"""
# A hundred more tasks.
CHILDREN = """
import os, time
for _ in range(100):
    if not os.fork():
        time.sleep(1000)
open("ready", "w").close()
time.sleep(1000)
"""
# Leaves a member of its group behind that is no descendant.
LEADER = """
import os, time
if not os.fork():
    if not os.fork():
        with open("ready.new", "w") as f:
            f.write(str(os.getpid()))
        os.rename("ready.new", "ready")
        time.sleep(1000)
    os._exit(0)
os.wait()
time.sleep(1000)
"""
# A process with a thread's id, made when the processes of the tree have theirs.
TAKER = """#!{python} -IS
import ctypes, os, struct, time
if os.environ["CRTOOLS_SCRIPT_ACTION"] == "setup-namespaces":
    wanted = (ctypes.c_int * 1)({tid})
    args = struct.pack("11Q", 0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(wanted), 1, 0)
    if ctypes.CDLL(None).syscall(435, args, len(args)) == 0:
        os.closerange(0, 100)
        time.sleep(1000)
"""


def run(*words):
    return subprocess.run([dumped.TOOL, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)


def start(code):
    if os.path.exists("ready"):
        os.unlink("ready")
    tree = dumped.python(code)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    return tree


def taken_late():
    tree = start(THREADS)
    tid = max(int(t) for t in os.listdir(f"/proc/{tree.pid}/task"))
    tree.must_dump()
    with open("taker", "w", encoding="utf-8") as f:
        f.write(TAKER.format(python=sys.executable, tid=tid))
    os.chmod("taker", 0o755)
    said = tree.restore("--action-script", os.path.abspath("taker"))
    dumped.check(not said, "a restore without one of its ids")
    dumped.check(f"the id {tid} is taken by another task (taker, parent " in said.text, said.text)
    tree.check_gone()
    os.kill(tid, signal.SIGKILL)
    dumped.await_true("its end", lambda: (system.reap(), system.exists(tid))[1] is False)
    tree.must_restore()
    tree.finish(signal.SIGKILL)


def kept_by_group():
    """The last member of a process group that its leader has left keeps the leader's id."""
    os.mkdir("group")
    os.chdir("group")
    tree = start(LEADER)
    with open("ready", encoding="utf-8") as f:
        member = int(f.read())
    dumped.check(member not in system.descendants(tree.pid), "the member is in the tree")
    tree.must_dump()
    said = tree.restore()
    dumped.check(not said, "a restore with the id of a group")
    dumped.check(f"is still that of the process group of another task (python" in said.text and
                 f", {member})" in said.text, said.text)
    os.kill(member, signal.SIGKILL)
    dumped.await_true("its end", lambda: (system.reap(), system.exists(member))[1] is False)
    tree.must_restore()
    tree.finish(signal.SIGKILL)
    os.chdir("..")


def left_dead():
    """The dumped tree stays as zombies of a process that does not care."""
    tree = start(CHILDREN)
    os.mkdir("dead")
    done = run("dump", "-t", str(tree.pid), "-D", "dead")
    dumped.check(done.returncode == 0, done.stderr)
    done = run("restore", "-d", "-D", "dead")
    dumped.check(done.returncode == 1 and "91 more ids" in done.stderr, done.stderr)
    dumped.check("is taken by another task" in done.stderr, done.stderr)
    dumped.await_true("their end", lambda: (system.reap(), system.exists(tree.pid))[1] is False)
    done = run("restore", "-d", "-D", "dead")
    dumped.check(done.returncode == 0, done.stderr)
    tree.finish(signal.SIGKILL)


def main():
    dumped.begin()
    tree = start(THREADS)
    os.mkdir("images")
    done = run("dump", "-R", "-t", str(tree.pid), "-D", "images")
    dumped.check(done.returncode == 0, done.stderr)
    done = run("restore", "-d", "-D", "images")
    dumped.check(done.returncode == 1, done.stderr)
    named = [line for line in done.stderr.splitlines() if line.startswith("Refused")]
    dumped.check(len(named) == 11 and "31 more ids" in named[-1], done.stderr)
    dumped.check(f"id {tree.pid}: is taken by another task (" in named[0] and
                 f"parent {os.getpid()}" in named[0], named[0])
    dumped.check(system.process_state(tree.pid) == "S", "the tree was touched")
    tree.finish(signal.SIGKILL)

    taken_late()
    left_dead()
    kept_by_group()
    tree = start(LOCKS)
    done = run("dump", "-t", str(tree.pid), "-D", "images")
    named = [line for line in done.stderr.splitlines() if line.startswith("Refused")]
    dumped.check(len(named) == 10 and "  and 20 more: holds a lock " in done.stderr, done.stderr)
    said = json.loads(run("dump", "-t", str(tree.pid), "-D", "images", "--json").stdout)
    dumped.check(len(said["refusals"]) == 30, said)


main()
