#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A regular file that no path leads to (its file system was unmounted lazily) is declared external
at dump, by mount id and inode, and replaced at restore by another file. Without the declaration the
dump is refused, without the replacement the restore is; both leave everything as it was.

wl: needs root
wl: areas files"""

import os
import subprocess

import dumped

WRITER = """
import os, sys, time
fd = int(sys.argv[1])
n = 0
while True:
    n += 1
    os.write(fd, b"line %d\\n" % n)
    time.sleep(0.01)
"""


def detached_file():
    os.mkdir("mnt")
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "mnt"], check=True)
    fd = os.open("mnt/file", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    subprocess.run(["umount", "-l", "mnt"], check=True)
    return fd


def mount_id(fd):
    with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as f:
        return int(f.read().split("mnt_id:")[1].split()[0])


def lines(fd):
    return os.pread(fd, 1 << 20, 0).decode().splitlines()


def main():
    dumped.begin()
    file = detached_file()
    tree = dumped.python(WRITER, file, pass_fds=[file])
    dumped.await_true("lines in the file", lambda: len(lines(file)) >= 3)
    said = tree.dump()
    dumped.check(not said and f"descriptor {file}" in said.text,
                 f"the dump was not refused by name:\n{said.text[-2000:]}")
    seen = len(lines(file))
    dumped.await_true("the program to go on", lambda: len(lines(file)) > seen)
    key = f"file[{mount_id(file):x}:{os.fstat(file).st_ino:x}]"
    tree.must_dump("--external", key)
    last = int(lines(file)[-1].split()[1])
    said = tree.restore()
    dumped.check(not said and key in said.text,
                 f"the restore was not refused by name:\n{said.text[-2000:]}")
    tree.check_gone()
    new = os.open("new", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    tree.must_restore("--inherit-fd", f"fd[{new}]:{key}", pass_fds=[new])
    dumped.await_true("lines in the new file", lambda: len(lines(new)) >= 3)
    first = int(lines(new)[0].split()[1])
    dumped.check(first in (last, last + 1), f"after line {last} came line {first}")
    path = f"/proc/{tree.pid}/fd/{file}"
    dumped.check(os.readlink(path) == os.path.abspath("new"), "the descriptor is another file")
    with open(f"/proc/{tree.pid}/fdinfo/{file}", encoding="ascii") as f:
        flags = int(f.read().split("flags:")[1].split()[0], 8)
    dumped.check(flags & (os.O_APPEND | os.O_ACCMODE) == os.O_APPEND | os.O_RDWR,
                 f"the flags are {flags:o}")


main()
