#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A server of a file system (FUSE, here) that falls silent in the middle of a dump or restore, with
a request in its hands, so that who waits can't be ended by anybody: within --timeout the tool lets
the tree go, takes back what it did, says at what it waited, and ends. What is left is a process
that ends with the answer; then a dump goes through.

wl: needs root fuse
wl: areas files task
wl: timeout 60
wl: idle"""

import glob
import os
import time

import dumped
from lib import fuse

WORKER = """
import mmap, os, sys, time
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
path = os.open(sys.argv[1], os.O_PATH)
pid = os.fork()
open(f"ready-{pid == 0}", "w")
while True:
    time.sleep(1)
"""
LIMIT = 1


def field(pid, key):
    for line in (dumped.system.read_text(f"/proc/{pid}/status") or "").splitlines():
        if line.startswith(key + ":"):
            return line.split()[1]
    return None


def tasks(tree):
    return [tree.pid] + dumped.system.descendants(tree.pid)


def maps(tree):
    return [dumped.system.read_text(f"/proc/{pid}/maps") for pid in tasks(tree)]


def given_up(run, folder, *words):
    """In time, with these words and the server's place, and no journal is left."""
    began = time.monotonic()
    said = run("--timeout", str(LIMIT))
    took = time.monotonic() - began
    dumped.check(not said, "it went through")
    dumped.check(took < 4 * LIMIT + 3, f"it took {took:.1f} s")
    for word in (*words, f"fuse.silent at {folder.path}", f"has waited for {LIMIT} s in",
                 "All was taken back"):
        dumped.check(word in said.text, f"no {word!r} in:\n{said.text}")
    dumped.check(not glob.glob("/run/crtools/.crtools-*"), "a journal is left")


def let_go(tree, before):
    for pid in tasks(tree):
        dumped.check(field(pid, "TracerPid") == "0", f"{pid} is traced still")
        dumped.check(field(pid, "State") in "SR", f"{pid} is in {field(pid, 'State')}")
    dumped.await_true("the agent's end", lambda: maps(tree) == before)
    left = [name for name in os.listdir(tree.images) if not name.endswith(".log")]
    dumped.check(not left, f"left in the images directory: {left}")


def dumps(tree, folder):
    """At several of the looks that a dump takes: at the areas, at descriptors, behind them."""
    before = maps(tree)
    for opcode, behind, file in ((fuse.GETATTR, 1, folder.file), (fuse.GETATTR, 4, folder.file),
                                 (fuse.GETATTR, 7, folder.file), (fuse.FLUSH, 1, "close(2)")):
        folder.hush(opcode, behind=behind)
        given_up(tree.dump, folder, file)
        let_go(tree, before)
        folder.hush()


def gone(ids):
    dumped.system.reap()
    return not any(os.path.exists(f"/proc/{pid}") for pid in ids)


def restores(tree, folder):
    """By the tool itself, and by the tasks that it has forked."""
    ids = tasks(tree)
    tree.must_dump()
    for opcode, behind, words in ((fuse.LOOKUP, 0, f" of {folder.file}"), (fuse.OPEN, 0, "openat"),
                                  (fuse.OPEN, 1, "openat")):
        folder.hush(opcode, behind=behind)
        given_up(tree.restore, folder, words)
        for pid in ids:
            dumped.check(field(pid, "State") in (None, "D", "Z"), f"{pid} is left")
        folder.end_waiting()
        folder.hush()
        dumped.await_true("the end of who waited", lambda: gone(ids))
    tree.must_restore()


def commands(tree, folder):
    """--exec-cmd: the tool itself is the root's parent, and becomes the command."""
    ids = tasks(tree)
    tree.must_dump()
    words = ["--exec-cmd", "--", "/bin/sh", "-c",
             f'echo "parent $(ps -o ppid= -p {tree.pid}) $$"; '
             "grep SigBlk /proc/self/status; exit 7"]

    def run(*more):
        done = dumped.subprocess.run([dumped.TOOL, "restore", "-D", tree.images, *more, *words],
                                     stdin=dumped.subprocess.DEVNULL, text=True, timeout=60,
                                     capture_output=True, check=False)
        return dumped.Said(done.returncode == 7, done.stdout + done.stderr)

    for opcode, behind in ((fuse.LOOKUP, 0), (fuse.OPEN, 1)):
        folder.hush(opcode, behind=behind)
        given_up(run, folder)
        folder.end_waiting()
        folder.hush()
        dumped.await_true("the end of who waited", lambda: gone(ids))
    said = run()
    dumped.check(said, f"the restore, or its command, failed: {said.text}")
    found = said.text.split()
    dumped.check(found[0] == "parent" and found[1] == found[2], said.text)
    dumped.check(found[4].strip("0") == "", f"signals are blocked in the command: {said.text}")
    dumped.check(tree.alive(), "the tree ended with the command")


def main():
    dumped.begin()
    os.mkdir("mount")
    folder = fuse.Folder(os.path.abspath("mount"), b"x" * 8192)
    try:
        tree = dumped.python(WORKER, folder.file)
        dumped.await_true("the program's start", lambda: len(glob.glob("ready-*")) == 2)
        dumps(tree, folder)
        restores(tree, folder)
        commands(tree, folder)
    finally:
        folder.end()


main()
