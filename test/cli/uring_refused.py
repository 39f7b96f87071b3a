#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rings of io_uring that can't be kept: each is refused by its own name, all of them at once, each
with what to do, and the program goes on.

wl: needs root io_uring kernel:5.16
wl: areas aio-uring-bpf"""

import os

import dumped

# What the kernel has not is left out; a line says so to the test.
PROGRAM = r"""
import ctypes, mmap, os, struct, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
SETUP, REGISTER = 425, 427
made, kept = [], []

def page():
    kept.append(mmap.mmap(-1, 4096))
    return ctypes.addressof(ctypes.c_char.from_buffer(kept[-1]))

def ring(flags, name=None, queues=0, entries=0):
    params = ctypes.create_string_buffer(120)
    struct.pack_into("=I", params, 8, flags)
    struct.pack_into("=Q", params, 72, entries)
    struct.pack_into("=Q", params, 112, queues)
    fd = libc.syscall(ctypes.c_long(SETUP), ctypes.c_long(2), params)
    made.extend([name] if name and fd >= 0 else [])
    return fd

def register(fd, what, data, n, name=None):
    arg = ctypes.create_string_buffer(data, len(data)) if data else None
    done = libc.syscall(ctypes.c_long(REGISTER), ctypes.c_long(fd), ctypes.c_long(what), arg,
                        ctypes.c_long(n))
    made.extend([name] if name and done >= 0 else [])

DISABLED, NO_MMAP, MIXED = 1 << 6, 1 << 14, 1 << 18
ring(DISABLED, "disabled")
restricted = ring(DISABLED)
register(restricted, 11, struct.pack("=HBBIII", 0, 9, 0, 0, 0, 0), 1)
register(restricted, 12, None, 0, "restricted")
register(ring(0), 9, None, 0, "personality")
ring(NO_MMAP, "no_mmap", page(), page())
register(ring(0), 27, struct.pack("=IBBHII", 50, 0, 0, 0, 0, 0), 1, "napi")
desc = ctypes.create_string_buffer(struct.pack("=QQIIQ", page(), 4096, 1, 0, 0) + bytes(32))
register(ring(0), 34, struct.pack("=QQQQ", ctypes.addressof(desc), 0, 0, 0), 1, "region")
with open("made.new", "w") as f:
    print(*made, file=f)
os.rename("made.new", "made")
while not os.path.exists("go"):
    time.sleep(0.01)
os.close(os.open("went", os.O_CREAT))
while True:
    time.sleep(1)
"""
TEXTS = {
    "disabled": ("is not enabled yet (IORING_SETUP_R_DISABLED)",
                 "dump when the program has enabled it"),
    "restricted": ("has restrictions, which can't be read",
                   "dump before the program makes the ring, or when it has closed it"),
    "personality": ("has personalities registered, which this version can't keep",
                    "have the program unregister them"),
    "no_mmap": ("lies in memory of the program's (IORING_SETUP_NO_MMAP)",
                "have the program let the kernel allocate it"),
    "napi": ("polls devices (NAPI), which this version can't keep",
             "have the program switch it off (IORING_UNREGISTER_NAPI)"),
    "region": ("has a region of memory registered, which can't be read",
               "dump before the program makes the ring, or when it has closed it"),
}


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("made"))
    with open("made", encoding="ascii") as f:
        made = f.read().split()
    dumped.check({"disabled", "restricted", "personality"} <= set(made), f"made: {made}")
    said = tree.dump()
    dumped.check(not said, f"dumped:\n{said.text}")
    for name in made:
        for words in TEXTS[name]:
            dumped.check(words in said.text, f"{name}: not told: {words}\n{said.text[-3000:]}")
    os.close(os.open("go", os.O_CREAT))
    dumped.await_true("the program goes on", lambda: os.path.exists("went"))
    print("refused:", *made)
    tree.end()


main()
