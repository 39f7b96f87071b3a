#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process is connected to a datagram socket outside of the tree, as with /dev/log. The dump is
refused by name; with --ext-unix-sk it is made, and the restore, with the same word, connects to the
name again: messages arrive at the socket that is bound to it then.

wl: needs root
wl: areas unix-sockets"""

import os
import socket

import dumped

LOGGER = """
import socket, sys, time
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sock.connect(sys.argv[1])
n = 0
while True:
    n += 1
    try:
        sock.send(b"message %d\\n" % n)
    except (ConnectionRefusedError, FileNotFoundError):
        pass
    time.sleep(0.01)
"""


def server(path):
    if os.path.exists(path):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    sock.settimeout(20)
    return sock


def main():
    dumped.begin()
    path = os.path.abspath("log.sock")
    log = server(path)
    tree = dumped.python(LOGGER, path)
    dumped.check(log.recv(64) == b"message 1\n", "the first message")
    said = tree.dump()
    dumped.check(not said and path in said.text and "--ext-unix-sk" in said.text,
                 f"the refusal does not name peer and cure:\n{said.text[-2000:]}")
    tree.must_dump("--ext-unix-sk")
    last = 1
    log.setblocking(False)
    try:
        while True:
            last = int(log.recv(64).split()[1])
    except BlockingIOError:
        pass
    log.close()
    said = tree.restore()
    dumped.check(not said and "--ext-unix-sk" in said.text, "the restore without the word")
    log = server(path)
    tree.must_restore("--ext-unix-sk")
    number = int(log.recv(64).split()[1])
    dumped.check(number == last + 1, f"after {last} came {number}")


main()
