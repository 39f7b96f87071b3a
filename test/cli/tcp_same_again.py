#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restore does not alter a connection: what the images of three dumps in a row say of connections
that are established, half closed (each way), and about to end is the same, with their queues, but
for ids, inodes, the clock of time stamps, and the window, which the kernel opens as it likes.

wl: needs root
wl: areas tcp"""

import os
import struct

import dumped
from wire import fields, frames

PROGRAM = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", 0))
kept = []
for end in ("", "c", "s", "cs"):
    client = socket.create_connection(listener.getsockname())
    server = listener.accept()[0]
    client.send(b"to the server " * 100)
    server.send(b"to the client " * 70)
    for which in end:
        (client if which == "c" else server).shutdown(socket.SHUT_WR)
    kept += [client, server]
listener.close()
time.sleep(0.3)
os.close(os.open("ready", os.O_CREAT))
while True:
    time.sleep(1)
"""
ISK = 4  # of file_entry
ID, INO, NS_ID, STATE, SRC_PORT, DST_PORT = 1, 2, 18, 6, 7, 8
INQ_SEQ, OUTQ_SEQ, TIMESTAMP, WINDOW = 2, 4, 9, range(13, 18)  # of tcp_stream_entry
ESTABLISHED, FIN_WAIT2, CLOSE_WAIT, CLOSE = 1, 5, 8, 7


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as f:
        return f.read()


def without(msg, *numbers):
    return [(n, v) for n, v in fields(msg) if n not in numbers]


def connections(folder):
    """{ports: what the images say}"""
    found = {}
    for f in frames(read(folder, "files.img")):
        isk = dict(fields(f)).get(ISK)
        if isk is None:
            continue
        own = dict(fields(isk))
        data = read(folder, f"tcp-stream-{own[INO]:x}.img")
        size, = struct.unpack_from("<I", data, 8)
        # Of one that has ended nobody can see where its numbers stand.
        numbers = (INQ_SEQ, OUTQ_SEQ) if own[STATE] == CLOSE else ()
        found[own[SRC_PORT], own[DST_PORT]] = (
            without(isk, ID, INO, NS_ID),
            without(data[12:12 + size], TIMESTAMP, *WINDOW, *numbers), data[12 + size:])
    return found


def main():
    dumped.begin()
    dumped.new_network()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    tree.must_dump("--tcp-established")
    first = connections(tree.images)
    states = sorted(dict(isk)[STATE] for isk, _, _ in first.values())
    dumped.check(states == sorted([ESTABLISHED] * 2 + [FIN_WAIT2, CLOSE_WAIT] * 2 + [CLOSE] * 2),
                 f"the states are {states}")
    for _ in range(2):
        tree.must_restore("--tcp-established")
        tree.must_dump("--tcp-established")
        again = connections(tree.images)
        dumped.check(again.keys() == first.keys(), f"{again.keys()} instead of {first.keys()}")
        for ports, told in first.items():
            for was, now in zip(told, again[ports]):
                dumped.check(was == now, f"{ports}: {was!r}\nbecame {now!r}")


main()
