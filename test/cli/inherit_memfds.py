#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ten memfds that a process shares with one outside of the tree are replaced at restore by ten of
the caller's, each by its name: data passes through the new ones, both ways, and not the old ones.

wl: needs root
wl: areas pidfd-memfd-misc-fds"""

import os

import dumped

COUNT = 10
PROGRAM = """
import os, sys, time
fds = list(map(int, sys.argv[1:]))
while True:
    for fd in fds:
        asked = os.pread(fd, 20, 0).rstrip(bytes(1))
        if asked:
            os.pwrite(fd, asked[::-1], 100)
    time.sleep(0.005)
"""


def make():
    return [os.memfd_create(f"number-{i}") for i in range(COUNT)]


def talk(fds, word):
    """Each is asked something of its own."""
    asked = [f"{word}-{i}".encode() for i in range(COUNT)]
    for fd, text in zip(fds, asked):
        os.pwrite(fd, text, 0)
    dumped.await_true(f"the answers to {word}", lambda: all(
        os.pread(fd, 50, 100).rstrip(bytes(1)) == text[::-1] for fd, text in zip(fds, asked)))


def main():
    dumped.begin()
    old = make()
    tree = dumped.python(PROGRAM, *old, pass_fds=old)
    talk(old, "before")
    tree.must_dump()
    contents = [os.pread(fd, 200, 0) for fd in old]
    new = make()
    words = []
    for i, fd in enumerate(new):
        words += ["--inherit-fd", f"fd[{fd}]:/memfd:number-{i}"]
    tree.must_restore(*words, pass_fds=new)
    talk(new, "behind")
    dumped.check([os.pread(fd, 200, 0) for fd in old] == contents, "the old ones were written to")


main()
