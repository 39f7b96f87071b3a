#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Images whose sk-queues.img was tampered with: a message that is longer than the file, one longer
than any socket takes, for a file that is none, for a file that has no queue, and descriptors on
their way that are not there, or more of them than a message carries. Each restore is refused before
anything is forked, and says what is wrong.

wl: needs root
wl: areas unix-sockets"""

import os
import shutil
import struct

import dumped

PROGRAM = """
import os, socket, time
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
a.send(b"message")
os.close(os.open("ready", os.O_CREAT))
while True:
    time.sleep(1)
"""


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    return varint(number << 3) + varint(value)


def entry(id_for, length, payload, rights=None):
    msg = field(1, id_for) + field(2, length)
    if rights is not None:
        scm = field(1, 1) + b"".join(field(2, id) for id in rights)
        msg += varint(4 << 3 | 2) + varint(len(scm)) + scm
    return struct.pack("<I", len(msg)) + msg + payload


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    tree.must_dump()
    path = os.path.join(tree.images, "sk-queues.img")
    with open(path, "rb") as f:
        good = f.read()
    os.remove(os.path.join(tree.images, "crtools-manifest.img"))
    size, = struct.unpack("<I", good[8:12])
    dumped.check(good[12] == 8 and good[13] < 128, "the message starts with id_for")
    receiver = good[13]
    dumped.check(good[8:] == entry(receiver, 7, b"message"), f"the image is {good!r}, {size}")

    for bad, text in (
            (entry(receiver, 1 << 20, b"message"), "sk-queues.img"),
            (entry(receiver, 0xfffffff0, b"message"), "sk-queues.img"),
            (entry(9999, 7, b"message"), "9999"),
            (entry(1, 7, b"message"), "has no queue"),
            (entry(receiver, 7, b"message", [9999]), "9999"),
            (entry(receiver, 7, b"message", [receiver] * 300), "carries what none can")):
        with open(path, "wb") as f:
            f.write(good[:8] + bad)
        said = tree.restore()
        dumped.check(not said and text in said.text,
                     f"'{text}' is not said:\n{said.text[-2000:]}")
        tree.check_gone()
    with open(path, "wb") as f:
        f.write(good)
    tree.must_restore()
    shutil.rmtree(tree.images)


main()
