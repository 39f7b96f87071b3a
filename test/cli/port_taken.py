#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restore whose ports another program has is refused before the fork, with the sockets, their
addresses and the holder, all at once; when the ports are free again it works.

wl: needs root
wl: areas inet-sockets tcp"""

import os
import socket

import dumped

PROGRAM = """
import socket, sys, time
kept = []
for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM:
    s = socket.socket(socket.AF_INET, kind)
    s.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        s.listen()
    kept.append(s)
open("ports", "w").write(" ".join(str(s.getsockname()[1]) for s in kept) + "\\n")
while True:
    time.sleep(0.01)
"""


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ports") and
                      open("ports").read().endswith("\n"))
    tcp, udp = map(int, open("ports").read().split())
    tree.must_dump()
    taken = [socket.create_server(("127.0.0.1", tcp)), socket.socket(type=socket.SOCK_DGRAM)]
    taken[1].bind(("127.0.0.1", udp))
    done = tree.restore()
    dumped.check(not done, "the ports could be had")
    holder = f"process {os.getpid()} ("
    for port in tcp, udp:
        line = next((l for l in done.text.splitlines() if f"(127.0.0.1:{port})" in l), "")
        dumped.check(holder in line, f"port {port} and {holder} are not in: {done.text}")
    for s in taken:
        s.close()
    tree.must_restore()
    with socket.create_connection(("127.0.0.1", tcp)):
        pass


main()
