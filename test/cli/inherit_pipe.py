#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process writes messages to a pipe of a live parent, which is not dumped. At restore its end is
replaced by that of a new pipe, named by the old one's number: --inherit-fd fd[N]:pipe:[INODE].
The messages go on where they were, O_NONBLOCK stays, and the new pipe is the one that is used.

wl: needs root
wl: areas pipes"""

import fcntl
import os

import dumped

WRITER = """
import os, sys, time
fd = int(sys.argv[1])
n = 0
while True:
    n += 1
    os.write(fd, b"message %d\\n" % n)
    time.sleep(0.01)
"""


def number_of(line):
    word, number = line.split()
    dumped.check(word == "message", f"not a message: {line}")
    return int(number)


def main():
    dumped.begin()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    tree = dumped.python(WRITER, writer, pass_fds=[writer])
    inode = os.fstat(writer).st_ino
    os.close(writer)
    first = dumped.read_lines(reader, 5)
    dumped.check([number_of(line) for line in first] == [1, 2, 3, 4, 5], f"at first: {first}")
    tree.must_dump()
    # What was written but not read yet: the parent's pipe still has it.
    last = 5
    rest = b""
    while chunk := os.read(reader, 65536):
        rest += chunk
    for line in rest.decode().splitlines():
        dumped.check(number_of(line) == last + 1, f"after {last} came '{line}'")
        last += 1

    new_reader, new_writer = os.pipe()
    os.set_blocking(new_writer, False)
    tree.must_restore("--inherit-fd", f"fd[{new_writer}]:pipe:[{inode}]", pass_fds=[new_writer])
    path = f"/proc/{tree.pid}/fd/{writer}"
    dumped.check(os.stat(path).st_ino == os.fstat(new_writer).st_ino, "it is another pipe")
    with open(f"/proc/{tree.pid}/fdinfo/{writer}", encoding="ascii") as f:
        flags = int(f.read().split("flags:")[1].split()[0], 8)
    dumped.check(flags & os.O_NONBLOCK, f"O_NONBLOCK is lost: flags are {flags:o}")
    dumped.check(not fcntl.fcntl(new_reader, fcntl.F_GETFL) & os.O_NONBLOCK,
                 "the other end's flags changed")
    os.close(new_writer)
    for line in dumped.read_lines(new_reader, 5):
        dumped.check(number_of(line) == last + 1, f"after {last} came '{line}' from the new pipe")
        last += 1


main()
