#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A task that holds a System V semaphore with SEM_UNDO holds it again after the restore, as it
had when it was dumped, and the kernel frees it when the restored task ends. While somebody else has
taken it, the restore is refused before the fork, with his id; a set that is gone is warned of.
Where the kernel's memory can't be read, the dump tells what is lost. Without SEM_UNDO nothing is
told, and the semaphore is as it was.

wl: needs root sysvipc
wl: areas sysv-ipc"""

import ctypes
import os
import shutil
import struct
import subprocess

import dumped
from lib import system

IPC_RMID, GETVAL, SETVAL = 0, 12, 16
PROGRAM = """
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None)
operation = ctypes.create_string_buffer(struct.pack("Hhh", 0, -1, {flags}))
if libc.semop({id}, operation, 1):
    sys.exit("semop")
os.close(os.open("ready", os.O_CREAT))
while True:
    time.sleep(1)
"""
SEM_UNDO = 0x1000
libc = ctypes.CDLL(None, use_errno=True)


def value_of(semaphore):
    return libc.semctl(semaphore, 0, GETVAL)


def begin(semaphore, flags):
    os.mkdir("next")
    os.chdir("next")
    libc.semctl(semaphore, 0, SETVAL, 3)
    tree = dumped.python(PROGRAM.format(id=semaphore, flags=flags))
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    return tree


def end(tree):
    tree.end()
    os.chdir("..")
    shutil.rmtree("next")


def dump(tree):
    said = tree.dump()
    dumped.check(said, f"the dump failed:\n{said.text}")
    return said.text


def held_again(semaphore):
    tree = begin(semaphore, SEM_UNDO)
    for _ in range(2):
        text = dump(tree)
        dumped.check("semaphore" not in text, f"a loss is told that is none:\n{text}")
        dumped.check(value_of(semaphore) == 3, "the kernel has not undone it")
        tree.must_restore()
        dumped.check(value_of(semaphore) == 2, f"after the restore: {value_of(semaphore)}")
        shutil.rmtree(tree.images)
    end(tree)
    dumped.check(value_of(semaphore) == 3, "the end of the restored task has freed nothing")


def taken(semaphore):
    tree = begin(semaphore, SEM_UNDO)
    dump(tree)
    dumped.check(libc.semop(semaphore, struct.pack("Hhh", 0, -3, 0), 1) == 0, "semop")
    said = tree.restore()
    dumped.check(not said and f"process {os.getpid()} was the last" in said.text and
                 "restore-fork" not in said.text,
                 f"a semaphore that is taken:\n{said.text}")
    dumped.check(value_of(semaphore) == 0, "the refused restore changed the semaphore")
    libc.semop(semaphore, struct.pack("Hhh", 0, 3, 0), 1)
    tree.must_restore()
    dumped.check(value_of(semaphore) == 2, "the second restore")
    end(tree)


def gone(semaphore):
    tree = begin(semaphore, SEM_UNDO)
    dump(tree)
    libc.semctl(semaphore, 0, IPC_RMID)
    said = tree.restore()
    dumped.check(said and f"semaphore set {semaphore} " in said.text and
                 "not there any more" in said.text, f"a set that is gone:\n{said.text}")
    end(tree)


def unread(semaphore):
    """Without CAP_SYS_ADMIN and CAP_BPF."""
    tree = begin(semaphore, SEM_UNDO)
    done = subprocess.run(["setpriv", "--bounding-set=-sys_admin,-bpf", dumped.TOOL, "dump", "-t",
                           str(tree.pid), "-D", os.getcwd()], capture_output=True, text=True)
    text = done.stdout + done.stderr
    dumped.check(done.returncode == 0, f"the dump without privileges failed:\n{text}")
    dumped.await_true("the end", lambda: system.reap() or not tree.alive())
    tree.images = os.getcwd()
    dumped.check(f"semaphore set {semaphore} " in text and "SEM_UNDO" in text,
                 f"what can't be read is not told:\n{text}")
    tree.must_restore()
    dumped.check(value_of(semaphore) == 3, "nothing was to be taken")
    end(tree)


def not_undone(semaphore):
    tree = begin(semaphore, 0)
    text = dump(tree)
    dumped.check("semaphore" not in text, f"an undo is told that is none:\n{text}")
    tree.must_restore()
    dumped.check(value_of(semaphore) == 2, f"the semaphore is {value_of(semaphore)}")
    end(tree)


def main():
    dumped.begin()
    for case in (not_undone, held_again, taken, unread, gone):
        semaphore = libc.semget(0, 1, 0o600)
        dumped.check(semaphore >= 0, "semget")
        try:
            case(semaphore)
        finally:
            libc.semctl(semaphore, 0, IPC_RMID)


if __name__ == "__main__":
    main()
