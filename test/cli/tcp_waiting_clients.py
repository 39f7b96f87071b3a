#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Clients outside of the tree, whose connections its server has not accepted yet: they hear nothing
of the dump, what they send meanwhile arrives, and the restored server accepts and serves them in
their order. Where the server goes on (-R), it does so itself; with --tcp-close, at the restore, it
does not get them. Those that the kernel holds back (TCP_DEFER_ACCEPT) are told to be lost.

wl: needs root kernel:6.9
wl: areas tcp inet-sockets"""

import os
import select
import socket

import dumped

SERVER = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", 0))
open("port", "w").write("%d\\n" % listener.getsockname()[1])
while True:
    while not os.path.exists("go"):
        time.sleep(0.01)
    s, peer = listener.accept()
    text = b""
    while not text.endswith(b"\\n"):
        data = s.recv(100000)
        if not data:
            break
        text += data
    s.sendall(b"%d %d %s" % (peer[1], len(text), text[-10:]))
    s.close()
"""

DEFERS = """
import os, socket, time
listener = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 60)
open("port2.new", "w").write("%d\\n" % listener.getsockname()[1])
os.rename("port2.new", "port2")
time.sleep(1000)
"""


def client(port, text=b""):
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    s.sendall(text)
    return s


def check_quiet(s):
    dumped.check(not select.select([s], [], [], 0.05)[0], "a client has heard of the dump")


def check_served(s, length, end):
    text = b""
    while data := s.recv(1000):
        text += data
    want = b"%d %d %s" % (s.getsockname()[1], length, end)
    dumped.check(text == want, f"a client was told {text!r}, not {want!r}")
    s.close()


def main():
    dumped.begin()
    tree = dumped.python(SERVER)
    dumped.await_true("the server", lambda: os.path.exists("port") and
                      open("port", encoding="ascii").read().endswith("\n"))
    with open("port", encoding="ascii") as f:
        port = int(f.read())
    early, quiet, ended = client(port, b"x" * 50000), client(port), client(port, b"all")
    ended.shutdown(socket.SHUT_WR)
    tree.must_dump("--tcp-established")
    early.sendall(b"y" * 3000 + b"\n")
    quiet.sendall(b"late\n")
    for s in early, quiet, ended:
        check_quiet(s)
    tree.must_restore("--tcp-established")
    os.mkdir("go")
    check_served(early, 53001, b"y" * 9 + b"\n")
    check_served(quiet, 5, b"late\n")
    check_served(ended, 3, b"all")
    check_served(client(port, b"new\n"), 4, b"new\n")
    os.rmdir("go")

    def dump_idle():  # it may be in accept() still, and take one more
        waits = client(port, b"goes on\n")
        said = tree.dump("-R", "--tcp-established")
        os.mkdir("go")
        check_served(waits, 8, b"goes on\n")
        os.rmdir("go")
        return said

    dumped.await_true("a dump of a server that goes on", dump_idle)
    dropped = [client(port, b"dropped\n") for _ in range(2)]
    tree.must_dump("--tcp-established")
    said = tree.restore("--tcp-close")
    dumped.check(said, f"the restore failed:\n{said.text}")
    for text in "has connections that are not accepted yet", "--tcp-close drops them":
        dumped.check(text in said.text, f"not told: {text}\n{said.text}")
    for s in dropped:
        s.close()
    os.mkdir("go")
    check_served(client(port, b"new\n"), 4, b"new\n")
    check_held_back()


def check_held_back():
    os.mkdir("held")
    os.chdir("held")
    tree = dumped.python(DEFERS)
    dumped.await_true("the other server", lambda: os.path.exists("port2"))
    with open("port2", encoding="ascii") as f:
        port = int(f.read())
    tree.must_dump("-R")
    held = [client(port) for _ in range(3)]
    said = tree.dump("-R")
    for text in "holds back 3 connections", "they are reset when the client sends":
        dumped.check(said and text in said.text, f"not told: {text}\n{said.text}")
    for s in held:
        s.close()


main()
