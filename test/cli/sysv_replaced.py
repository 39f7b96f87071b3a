#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A System V segment is found again by its id. One that is gone at the restore, or whose id another
one has by now, refuses it, by id and with the reason; nothing is left behind. Semaphores and
message queues are used by their ids afterwards as before, also by tasks that wait in them.

wl: needs root sysvipc
wl: areas sysv-ipc shm"""

import ctypes
import os

import dumped

IPC_CREAT, IPC_RMID, GETVAL, SETVAL = 0o1000, 0, 12, 16
SIZE = 3 * 4096
PROGRAM = """
import ctypes, os, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
segment, semaphore, queue = map(int, sys.argv[1:])
at = libc.shmat(segment, None, 0)
if os.fork() == 0:
    operation = ctypes.create_string_buffer(struct.pack("Hhh", 0, -2, 0))
    while libc.semop(semaphore, operation, 1):
        if ctypes.get_errno() != 4:
            os._exit(1)
    os._exit(0)
if os.fork() == 0:
    message = ctypes.create_string_buffer(64)
    while libc.msgrcv(queue, message, 50, 7, 0) < 0:
        if ctypes.get_errno() != 4:
            os._exit(1)
    os._exit(message.raw[8:13] != b"seven")
time.sleep(0.05)  # both wait
os.close(os.open("ready", os.O_CREAT))
while not os.path.exists("go"):
    time.sleep(0.005)
text = ctypes.string_at(at, 5)
first = ctypes.create_string_buffer(64)
got = libc.msgrcv(queue, first, 50, 0, 0o4000)
states = [os.wait()[1] for _ in range(2)]
with open("said.new", "w") as said:
    print(text, first.raw[8:8 + got], states, file=said)
os.rename("said.new", "said")
time.sleep(1000)
"""
libc = ctypes.CDLL(None, use_errno=True)


def send(queue, kind, text):
    message = (kind).to_bytes(8, "little") + text
    dumped.check(libc.msgsnd(queue, message, len(text), 0) == 0, "msgsnd")


def make_segment(number, size):
    """With a number of our choice, where it is free (/proc/sys/kernel/shm_next_id)."""
    if number is not None:
        with open("/proc/sys/kernel/shm_next_id", "w", encoding="ascii") as f:
            f.write(str(number))
    made = libc.shmget(0, size, IPC_CREAT | 0o600)
    dumped.check(number is None or made == number, f"segment {made}, not {number}")
    libc.shmat.restype = ctypes.c_void_p
    at = libc.shmat(made, None, 0)
    ctypes.memmove(at, b"again" if number is not None else b"first", 5)
    libc.shmdt(ctypes.c_void_p(at))
    return made


def refused(tree, words):
    said = tree.restore()
    dumped.check(not said, "the restore went through")
    dumped.check(words in said.text, f"not told: {words}\n{said.text[-3000:]}")
    tree.check_gone()


def run(ids):
    segment, semaphore, queue = ids
    tree = dumped.python(PROGRAM, *ids)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    send(queue, 3, b"three")
    tree.must_dump()
    dumped.check(libc.semctl(semaphore, 0, GETVAL) == 1, "the dump changed the semaphore")
    tree.must_restore()
    libc.semctl(semaphore, 0, SETVAL, 2)
    send(queue, 7, b"seven")
    with open("go", "w", encoding="ascii"):
        pass
    dumped.await_true("the program", lambda: os.path.exists("said"))
    with open("said", encoding="utf-8") as f:
        said = f.read()
    dumped.check(said == "b'first' b'three' [0, 0]\n", f"it says {said}")
    tree.must_dump()
    libc.shmctl(segment, IPC_RMID, 0)
    refused(tree, f"SysV segment {segment}")
    make_segment(segment, SIZE + 4096)
    refused(tree, f"SysV segment {segment}")
    libc.shmctl(segment, IPC_RMID, 0)
    if os.fork() == 0:  # the same but for who has made it
        make_segment(segment, SIZE)
        os._exit(0)
    os.wait()
    refused(tree, f"SysV segment {segment}")


def main():
    dumped.begin()
    ids = (make_segment(None, SIZE), libc.semget(0, 1, 0o600), libc.msgget(0, 0o600))
    dumped.check(min(ids) >= 0, f"no ids: {ids}")
    try:
        libc.semctl(ids[1], 0, SETVAL, 1)
        run(ids)
    finally:
        libc.shmctl(ids[0], IPC_RMID, 0)
        libc.semctl(ids[1], 0, IPC_RMID)
        libc.msgctl(ids[2], IPC_RMID, 0)


if __name__ == "__main__":
    main()
