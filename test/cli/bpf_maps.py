#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A BPF map that a process outside of the tree has as well is opened again: what that one writes
is seen. Where nobody has it any more, a new one is made with the contents of the dump. A set with
impossible elements is refused before the fork.

wl: needs root
wl: areas aio-uring-bpf"""

import ctypes
import os
import signal
import struct

import dumped

BPF, PIDFD_OPEN, PIDFD_GETFD = 321, 434, 438
CREATE, LOOKUP, UPDATE = 0, 1, 2
PROGRAM = """
import ctypes, os, signal, struct
attr = ctypes.create_string_buffer(struct.pack("<IIIII", 2, 4, 8, 3, 0) + bytes(108))
fd = ctypes.CDLL(None).syscall(321, 0, attr, len(attr))
key = ctypes.create_string_buffer(struct.pack("<I", 1))
value = ctypes.create_string_buffer(8)
words = struct.pack("<I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0)
attr = ctypes.create_string_buffer(words + bytes(96))

def tell():
    ctypes.CDLL(None).syscall(321, 1, attr, len(attr))
    with open("told.new", "w") as f:
        f.write(str(struct.unpack("<Q", value.raw[:8])[0]))
    os.rename("told.new", "told")

value.raw = struct.pack("<Q", 41)
ctypes.CDLL(None).syscall(321, 2, attr, len(attr))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
with open("ready.new", "w") as f:
    f.write(str(fd))
os.rename("ready.new", "ready")
while signal.sigwait([signal.SIGUSR1]):
    tell()
"""
libc = ctypes.CDLL(None, use_errno=True)


def set_one(fd, number):
    key = ctypes.create_string_buffer(struct.pack("<I", 1))
    value = ctypes.create_string_buffer(struct.pack("<Q", number))
    attr = struct.pack("<I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0)
    attr = ctypes.create_string_buffer(attr + bytes(96))
    dumped.check(libc.syscall(BPF, UPDATE, attr, len(attr)) == 0, "the map takes no element")


def value_told(tree):
    if os.path.exists("told"):
        os.unlink("told")
    os.kill(tree.pid, signal.SIGUSR1)
    dumped.await_true("the program's answer", lambda: os.path.exists("told"))
    with open("told", encoding="ascii") as f:
        return int(f.read())


def check_damaged(tree):
    """The number of elements, which is the last of the entry's four fields."""
    name = os.path.join(tree.images, "bpfmap-data.img")
    os.unlink(os.path.join(tree.images, "crtools-manifest.img"))
    with open(name, "rb") as f:
        whole = f.read()
    size = struct.unpack("<I", whole[8:12])[0]
    dumped.check(whole[12 + size - 2:12 + size] == b"\x20\x03", "the entry is laid out otherwise")
    for count in (0, 2, 4, 127):
        with open(name, "wb") as f:
            f.write(whole[:12 + size - 1] + bytes([count]) + whole[12 + size:])
        said = tree.restore()
        dumped.check(not said and "impossible sizes" in said.text,
                     f"{count} elements:\n{said.text}")
        tree.check_gone()
    with open(name, "wb") as f:
        f.write(whole)
    tree.must_restore()


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    with open("ready", encoding="ascii") as f:
        number = int(f.read())
    if number < 0:
        dumped.skip("no BPF here")
    pidfd = libc.syscall(PIDFD_OPEN, tree.pid, 0)
    fd = libc.syscall(PIDFD_GETFD, pidfd, number, 0)
    dumped.check(fd >= 0 and value_told(tree) == 41, "the map can't be shared")
    tree.must_dump()
    set_one(fd, 42)
    tree.must_restore()
    dumped.check(value_told(tree) == 42, "the map that was still there was not opened again")
    set_one(fd, 43)
    dumped.check(value_told(tree) == 43, "the map is a copy")
    tree.must_dump()
    os.close(fd)
    check_damaged(tree)
    dumped.check(value_told(tree) == 43, "the new map has not what the old one had")


if __name__ == "__main__":
    main()
