#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks that have the file of crtools itself mapped are restored by that very file: a program that
looks at it, with a page of its own in it; and a crtools that
waits for a reader of its output. Exe links and areas are what they were.

wl: needs root no-asan
wl: areas memory files"""

import os

import dumped

LOOKER = """
import mmap, os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
own = mmap.mmap(fd, 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
shared = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
os.close(fd)
text = bytes(shared)
own[5000] ^= 1
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
want = bytearray(text)
want[5000] ^= 1
open("good" if bytes(own) == want and bytes(shared) == text else "bad", "w").close()
"""
LISTENER = """
import fcntl, os, subprocess, sys, time
command = [sys.argv[1], "check", "--all", "--json"]
first = subprocess.run(command, stdout=subprocess.PIPE)
ends = os.pipe()
fcntl.fcntl(ends[1], 1031, 4096)
child = subprocess.Popen(command, stdout=ends[1])
os.close(ends[1])
while open("/proc/%d/syscall" % child.pid).read().split()[0] != "1":
    time.sleep(0.01)
open("ready", "w").close()
while not os.path.exists("go"):
    time.sleep(0.01)
got = open(ends[0], "rb").read()
same = got == first.stdout and child.wait() == first.returncode
open("good" if same else "bad", "w").close()
"""


def areas(pid, path):
    with open(f"/proc/{pid}/maps", encoding="ascii") as f:
        return [line for line in f if line.rstrip("\n").endswith(path)]


def looked_at(tool):
    tree = dumped.python(LOOKER, tool)
    dumped.await_true("the program's start", lambda: os.path.exists("ready"))
    before = areas(tree.pid, tool), os.readlink(f"/proc/{tree.pid}/exe")
    dumped.check(len(before[0]) == 2, f"not mapped twice: {before[0]}")
    for _ in range(2):
        tree.must_dump()
        tree.must_restore()
    after = areas(tree.pid, tool), os.readlink(f"/proc/{tree.pid}/exe")
    dumped.check(after == before, f"was {before}, is {after}")
    open("go", "w").close()
    dumped.await_true("the program's word", lambda: os.path.exists("good") or
                      os.path.exists("bad"))
    dumped.check(os.path.exists("good"), "the mapping's contents changed")
    tree.end()


def itself(tool):
    """A crtools that has more to say than the pipe to its parent holds."""
    tree = dumped.python(LISTENER, tool)
    dumped.await_true("crtools to wait", lambda: os.path.exists("ready"))
    pid, = dumped.system.descendants(tree.pid)
    before = areas(pid, tool)
    dumped.check(len(before) >= 4, f"crtools' own areas: {before}")
    for _ in range(2):
        tree.must_dump()
        tree.must_restore()
    dumped.check(os.readlink(f"/proc/{pid}/exe") == tool, "the exe link is another")
    dumped.check(areas(pid, tool) == before, f"was {before}, is {areas(pid, tool)}")
    open("go", "w").close()
    dumped.await_true("the listener's word", lambda: os.path.exists("good") or
                      os.path.exists("bad"))
    dumped.check(os.path.exists("good"), "crtools said something else, or failed")


def main():
    dumped.begin()
    tool = os.path.realpath(dumped.TOOL)
    for run in looked_at, itself:
        os.mkdir(run.__name__)
        os.chdir(run.__name__)
        run(tool)
        os.chdir("..")


main()
