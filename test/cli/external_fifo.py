#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A fifo on a tmpfs that has been unmounted lazily can't be found by any path. It is declared
external at dump, by mount id and inode, and replaced at restore by an inherited descriptor of
another fifo; data pass to us through it.

wl: needs root
wl: areas files pipes"""

import os
import subprocess

import dumped

WRITER = """
import os, sys, time
fd = int(sys.argv[1])
while True:
    os.write(fd, b"message\\n")
    time.sleep(0.01)
"""


def detached_fifo():
    os.mkdir("mnt")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "mnt"], check=True)
    os.mkfifo("mnt/fifo")
    fd = os.open("mnt/fifo", os.O_RDWR)
    subprocess.run(["umount", "-l", "mnt"], check=True)
    return fd


def mount_id(fd):
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as f:
        return int(f.read().split("mnt_id:")[1].split()[0])


def main():
    dumped.begin()
    fifo = detached_fifo()
    tree = dumped.python(WRITER, fifo, pass_fds=[fifo])
    dumped.read_lines(fifo, 3)
    key = f"file[{mount_id(fifo):x}:{os.fstat(fifo).st_ino:x}]"
    tree.must_dump("--external", key)
    os.mkfifo("new-fifo")
    new = os.open("new-fifo", os.O_RDWR)
    tree.must_restore("--inherit-fd", f"fd[{new}]:{key}", pass_fds=[new])
    dumped.check(set(dumped.read_lines(new, 3)) == {"message"}, "something else came")
    dumped.check(os.readlink(f"/proc/{tree.pid}/fd/{fifo}") == os.path.abspath("new-fifo"),
                 "the descriptor is another file")


main()
