#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process holds the ends of two stream pairs whose other ends a live parent has. Without a word
the dump is refused, by the names of socket and peer; declared, one by its own inode and one by its
peer's (--external unix[INODE]), it is dumped, and at the restore other sockets take their places
(--inherit-fd fd[N]:socket:[INODE]), though their numbers are wanted by others. All messages
arrive. Without --inherit-fd the restore is refused.

wl: needs root
wl: areas unix-sockets"""

import os
import socket

import dumped

ECHO = """
import os, sys, time
fds = [int(a) for a in sys.argv[1:]]
os.set_blocking(fds[0], False)
n = 0
while True:
    n += 1
    os.write(fds[1], b"message %d\\n" % n)
    try:
        text = os.read(fds[0], 4096)
        if text:
            os.write(fds[0], text.upper())
    except BlockingIOError:
        pass
    time.sleep(0.01)
"""


def inode(fd):
    return os.fstat(fd).st_ino


def echoes(sock):
    sock.sendall(b"hello\n")
    lines = dumped.read_lines(sock.fileno(), 1)
    dumped.check(lines == ["HELLO"], f"hello came back as {lines}")


def main():
    dumped.begin()
    pairs = [socket.socketpair() for _ in range(2)]
    ends = [os.dup2(pairs[i][1].fileno(), 60 + i) for i in range(2)]
    for end in ends:
        os.set_inheritable(end, True)
    tree = dumped.python(ECHO, *ends, pass_fds=ends)
    inodes = [inode(end) for end in ends]
    peers = [inode(pair[0].fileno()) for pair in pairs]
    for end in ends:
        os.close(end)
    for pair in pairs:
        pair[1].close()
    echoes(pairs[0][0])

    said = tree.dump()
    dumped.check(not said, "the dump was not refused")
    for i in range(2):
        dumped.check(f"unix socket {inodes[i]}" in said.text and str(peers[i]) in said.text and
                     f"--external unix[{inodes[i]}]" in said.text,
                     f"the refusal does not name socket, peer and cure:\n{said.text[-2000:]}")
    echoes(pairs[0][0])
    tree.must_dump("--external", f"unix[{inodes[0]}]", "--external", f"unix[{peers[1]}]")

    said = tree.restore()
    dumped.check(not said and f"socket:[{inodes[0]}]" in said.text and "--inherit-fd" in said.text,
                 f"a restore without other sockets was not refused by name:\n{said.text[-2000:]}")
    new = [socket.socketpair() for _ in range(2)]
    # At the numbers that the tree wants, crossed.
    given = [os.dup2(new[i][1].fileno(), 61 - i) for i in range(2)]
    words = []
    for i in range(2):
        words += ["--inherit-fd", f"fd[{given[i]}]:socket:[{inodes[i]}]"]
    tree.must_restore(*words, pass_fds=given)
    for fd in given:
        os.close(fd)
    for pair in new:
        pair[1].close()
    echoes(new[0][0])
    lines = dumped.read_lines(new[1][0].fileno(), 5)
    first = int(lines[0].split()[1])
    dumped.check(lines == [f"message {first + i}" for i in range(5)], f"came: {lines}")


main()
