#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A client that wants to connect while a server is dumped: where the server ends, it hears nothing,
tries again, and is served by the restored one; where the server goes on (-R), it waits in the
backlog and is served.

wl: needs root
wl: areas tcp inet-sockets"""

import errno
import os
import select
import socket
import threading

import dumped

SERVER = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
open("port", "w").write("%d\\n" % listener.getsockname()[1])
while True:
    s, _ = listener.accept()
    while data := s.recv(100):
        s.sendall(data)
    s.close()
"""
HOOK = """#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || exit 0
touch "$HOOK.there"
while [ ! -e "$HOOK.go" ]; do sleep 0.01; done
rm "$HOOK.there" "$HOOK.go"
"""


def begin_connect(port):
    s = socket.socket()
    s.setblocking(False)
    dumped.check(s.connect_ex(("127.0.0.1", port)) in (0, errno.EINPROGRESS), "connect")
    return s


def connected(s, seconds):
    """Within that time."""
    return bool(select.select([], [s], [], seconds)[1]) and \
        s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def is_served(s):
    s.setblocking(True)
    s.settimeout(20)
    s.sendall(b"hello")
    dumped.check(s.recv(100) == b"hello", "no echo")
    s.close()


def dump_with_client(tree, port, *words):
    """A client that began to connect while the tree was frozen, and whether it was heard then."""
    found = []

    def connect():
        dumped.await_true("the hook", lambda: os.path.exists("hook.there"))
        found.append(begin_connect(port))
        found.append(connected(found[0], 0.1))
        with open("hook.go", "w", encoding="ascii"):
            pass

    thread = threading.Thread(target=connect)
    thread.start()
    tree.must_dump("--action-script", os.path.abspath("hook"), *words)
    thread.join()
    return found


def main():
    dumped.begin()
    with open("hook", "w", encoding="ascii") as f:
        f.write(HOOK)
    os.chmod("hook", 0o755)
    os.environ["HOOK"] = os.path.abspath("hook")
    tree = dumped.python(SERVER)
    dumped.await_true("the server", lambda: os.path.exists("port") and
                      open("port", encoding="ascii").read().endswith("\n"))
    with open("port", encoding="ascii") as f:
        port = int(f.read())
    client, heard = dump_with_client(tree, port)
    dumped.check(not heard, "a server that is about to end has heard a client")
    tree.must_restore()
    dumped.check(connected(client, 20), "the client is not connected to the restored server")
    is_served(client)
    dumped.await_true("an idle server", lambda: tree.dump("-R"))
    client, heard = dump_with_client(tree, port, "-R")
    dumped.check(heard, "a server that goes on has not heard a client")
    is_served(client)


main()
