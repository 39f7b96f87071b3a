#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A memfd is replaced at restore by a file of the caller's, by its name: --inherit-fd
fd[N]:/memfd:NAME. Its descriptor and its mapping lead to that file; another memfd, which is not
replaced, is restored with its contents. Of a key that nothing in the images has, the tool warns.

wl: needs root
wl: areas files pidfd-memfd-misc-fds"""

import os

import dumped

WRITER = """
import mmap, os, sys, time
fds = list(map(int, sys.argv[1:]))
area = mmap.mmap(fds[0], 4096)
while True:
    area[200:206] = b"mapped"
    for fd in fds:
        os.pwrite(fd, b"%d" % fd, 0)
    time.sleep(0.01)
"""


def main():
    dumped.begin()
    memory = os.memfd_create("one")
    os.truncate(memory, 4096)
    other = os.memfd_create("two")
    os.pwrite(other, b"contents", 100)
    tree = dumped.python(WRITER, memory, other, pass_fds=[memory, other])
    dumped.await_true("the program", lambda: os.pread(other, 8, 0)[:1] > b"\0" and
                      os.pread(memory, 6, 200) == b"mapped")
    tree.must_dump()
    os.pwrite(memory, b"old one!", 0)
    os.pwrite(memory, bytes(6), 200)
    new = os.open("new", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(new, 4096)
    said = tree.restore("--inherit-fd", f"fd[{new}]:/memfd:one", "--inherit-fd",
                        f"fd[{new}]:/memfd:One", pass_fds=[new])
    dumped.check(said, f"the restore failed:\n{said.text[-3000:]}")
    warned = [line for line in said.text.splitlines() if "Warn" in line and "inherit-fd" in line]
    dumped.check(warned and all("/memfd:One" in line for line in warned),
                 f"warnings of keys without an effect: {warned}")
    number = b"%d" % memory
    dumped.await_true("the program's number", lambda: os.pread(new, len(number), 0) == number and
                      os.pread(new, 6, 200) == b"mapped")
    dumped.check(os.pread(memory, 8, 0) == b"old one!" and os.pread(memory, 6, 200) == bytes(6),
                 "the old memory was written to")
    with open(f"/proc/{tree.pid}/fd/{other}", "rb") as f:
        dumped.check(f.read()[100:] == b"contents", "the other memory lost its contents")
    dumped.check(os.stat(f"/proc/{tree.pid}/fd/{other}").st_ino != os.fstat(other).st_ino,
                 "the other memory is that of before")


main()
