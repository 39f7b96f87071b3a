#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Without --file-locks, locks that a dump would lose are refused, each by its kind, task and
descriptor, by dump and by check -t: flock, POSIX, of the description, and a lease; on files, a
folder and a fifo; through a description that the parent has opened. The tree keeps them, and when
it has released them it can be dumped.

wl: needs root
wl: areas locks"""

import os
import signal
import subprocess

import dumped
from dumped import check, system

PROGRAM = r"""
import fcntl, os, signal, struct, time
lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 3, 4, 0)
F_OFD_SETLK = 37
open("lease", "w").close()
os.mkfifo("fifo")
shared = os.open("shared", os.O_RDWR | os.O_CREAT)
KINDS = {
    "flock": lambda: fcntl.flock(os.open("flock", os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX),
    "folder": lambda: fcntl.flock(os.open(".", os.O_RDONLY), fcntl.LOCK_SH),
    "fifo": lambda: fcntl.flock(os.open("fifo", os.O_RDWR), fcntl.LOCK_EX),
    "shared": lambda: fcntl.fcntl(shared, fcntl.F_SETLK, lock),
    "ofd": lambda: fcntl.fcntl(os.open("ofd", os.O_RDWR | os.O_CREAT), F_OFD_SETLK, lock),
    "lease": lambda: fcntl.fcntl(os.open("lease", os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK),
}
pids = []
for name, take in KINDS.items():
    pid = os.fork()
    if not pid:
        take()
        open("ready-" + name, "w").write(str(os.getpid()))
        while True:
            signal.pause()
    pids.append(pid)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.pause()
for pid in pids:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
open("released", "w").close()
while True:
    signal.pause()
"""
# What the refusal calls it, and the word of fdinfo.
KINDS = {"flock": ("a lock by flock(2)", "FLOCK"), "folder": ("a lock by flock(2)", "FLOCK"),
         "fifo": ("a lock by flock(2)", "FLOCK"), "shared": ("a POSIX lock", "POSIX"),
         "ofd": ("a lock of the open file description", "OFDLCK"), "lease": ("a lease", "LEASE")}


def held(pid):
    """The kinds of the locks that a process shows."""
    return [line.split()[2] for fd in os.listdir(f"/proc/{pid}/fdinfo")
            for line in (system.read_text(f"/proc/{pid}/fdinfo/{fd}") or "").splitlines()
            if line.startswith("lock:")]


def check_refused(text, pids):
    for name, (called, _) in KINDS.items():
        lines = [line for line in text.splitlines()
                 if line.startswith(f"Refused: task {pids[name]}, descriptor") and
                 f"holds {called}" in line]
        check(len(lines) == 1, f"{name}: {len(lines)} refusals of {called}:\n{text[-3000:]}")


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the locks", lambda: all(
        system.read_text(f"ready-{name}") for name in KINDS) and system.exists(tree.pid))
    pids = {name: int(system.read_text(f"ready-{name}")) for name in KINDS}
    for name, (_, word) in KINDS.items():
        check(held(pids[name]) == [word], f"{name} holds {held(pids[name])} before the dump")
    said = tree.dump()
    check(not said, "a tree that holds locks was dumped")
    check_refused(said.text, pids)
    asked = subprocess.run([dumped.TOOL, "check", "-t", str(tree.pid)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(asked.returncode, f"check -t found nothing:\n{asked.stdout}")
    check_refused(asked.stdout, pids)
    for name, (_, word) in KINDS.items():
        check(held(pids[name]) == [word], f"{name} holds {held(pids[name])} after the refusal")
    os.kill(tree.pid, signal.SIGUSR1)
    dumped.await_true("the release", lambda: os.path.exists("released"))
    tree.must_dump()
    tree.must_restore()
    tree.end()


main()
