#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A task that holds a System V semaphore with SEM_UNDO: the dump tells that this is undone when the
tree ends, and it is. Without SEM_UNDO nothing is told, and the semaphore is as it was after dump
and restore.

wl: needs root sysvipc
wl: areas sysv-ipc"""

import ctypes
import os

import dumped

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


def run(semaphore, flags):
    os.mkdir(f"undo-{flags}")
    os.chdir(f"undo-{flags}")
    libc.semctl(semaphore, 0, SETVAL, 3)
    tree = dumped.python(PROGRAM.format(id=semaphore, flags=flags))
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    said = tree.dump()
    dumped.check(said, f"the dump failed:\n{said.text}")
    value = libc.semctl(semaphore, 0, GETVAL)
    tree.must_restore()
    dumped.check(libc.semctl(semaphore, 0, GETVAL) == value, "the restore changed the semaphore")
    tree.end()
    os.chdir("..")
    return said.text, value


def main():
    dumped.begin()
    semaphore = libc.semget(0, 1, 0o600)
    dumped.check(semaphore >= 0, "semget")
    try:
        words = f"semaphore set {semaphore} "
        text, value = run(semaphore, SEM_UNDO)
        dumped.check(words in text and "SEM_UNDO" in text, f"the undo is not told:\n{text}")
        dumped.check(value == 3, f"the kernel has not undone it: {value}")
        text, value = run(semaphore, 0)
        dumped.check(words not in text, f"an undo is told that is none:\n{text}")
        dumped.check(value == 2, f"the semaphore is {value}")
    finally:
        libc.semctl(semaphore, 0, IPC_RMID)


if __name__ == "__main__":
    main()
