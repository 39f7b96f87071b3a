#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool dies, or fails, while it has a TCP connection in its hands. A dump that is killed with
the connection in repair mode, its listener deaf and the network locked: crtools clean puts all
back, and the client of before and a new one are served. A restore that ends at any of its points
before it is decided that the tree lives says nothing to the peer, and the images restore again; one
that is killed right behind leaves a tree whose connections crtools clean lets go.

wl: needs root
wl: areas tcp"""

import os
import re
import signal
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test", "cli"))
sys.dont_write_bytecode = True

import dumped  # noqa: E402

from lib import system  # noqa: E402

SERVER = """
import selectors, socket
listener = socket.create_server(("127.0.0.1", 0))
chosen = selectors.DefaultSelector()
chosen.register(listener, selectors.EVENT_READ)
open("port", "w").write("%d\\n" % listener.getsockname()[1])
while True:
    for key, _ in chosen.select():
        if key.fileobj is listener:
            chosen.register(listener.accept()[0], selectors.EVENT_READ)
        elif data := key.fileobj.recv(100):
            key.fileobj.sendall(data)
        else:
            chosen.unregister(key.fileobj)
            key.fileobj.close()
"""
WORDS = ["--tcp-established"]
COMMITTED = "restore-committed"


def clean():
    done = subprocess.run([dumped.TOOL, "clean"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    dumped.check(done.returncode == 0, f"clean: {done.stdout}")
    return done.stdout


def is_locked():
    done = subprocess.run(["nft", "list", "tables"], stdout=subprocess.PIPE, text=True, check=True)
    return "CRIU-" in done.stdout


def with_fault(wish, verb):
    os.environ["CRTOOLS_FAULT"] = wish
    said = verb(*WORDS)
    del os.environ["CRTOOLS_FAULT"]
    return said


def echo(client, text):
    client.sendall(text)
    dumped.check(client.recv(100) == text, f"{text} did not come back")


def new_client(port):
    return socket.create_connection(("127.0.0.1", port), 20)


def killed_dump(tree, client, port):
    said = with_fault("dump-repair:kill", tree.dump)
    dumped.check(not said, "the dump was not killed")
    dumped.check(tree.alive(), "the tree has ended")
    dumped.check(is_locked(), "there was no lock")
    said = clean()
    for part in ("an ordinary connection again", "listens again", "unlocked the connections"):
        dumped.check(part in said, f"{part} is not in: {said}")
    dumped.check(not is_locked(), "the lock is left")
    echo(client, b"after a killed dump")
    with new_client(port) as other:
        echo(other, b"a new one")
    said = with_fault("dump-repair", tree.dump)
    dumped.check(not said and "dump-repair" in said.text, f"it did not fail there: {said.text}")
    dumped.check(not is_locked(), "a failed dump leaves its lock")
    echo(client, b"after a failed dump")
    with new_client(port) as other:
        echo(other, b"another")
    tree.must_dump("-R", *WORDS)
    dumped.check(not is_locked(), "a tree that goes on is locked")
    echo(client, b"going on")
    dumped.check(not clean().startswith("-"), "a failed dump leaves something")


def restore_points(tree):
    """Those before it is decided that the tree lives."""
    said = with_fault("list", tree.restore)
    dumped.check(said, f"the restore failed: {said.text}")
    names = list(dict.fromkeys(re.findall(r"^fault point (\S+)$", said.text, re.M)))
    dumped.check(COMMITTED in names, f"only {names}")
    return names[:names.index(COMMITTED)]


def await_gone(tree):
    def gone():
        system.reap()
        return not os.path.exists(f"/proc/{tree.pid}")
    dumped.await_true("the end of what was restored", gone)


def killed_restores(tree, client, port):
    tree.must_dump(*WORDS)
    names = restore_points(tree)
    echo(client, b"restored")
    tree.must_dump(*WORDS)
    client.sendall(b"meanwhile")
    for name in names:
        said = with_fault(name + ":kill", tree.restore)
        dumped.check(not said, f"{name}: the restore was not killed")
        await_gone(tree)
        clean()
        said = with_fault(name, tree.restore)
        dumped.check(not said and name in said.text, f"{name}: it did not fail there: {said.text}")
        await_gone(tree)
    said = with_fault(COMMITTED + ":kill", tree.restore)
    dumped.check(not said and tree.alive(), f"killed when it was decided: {said.text}")
    dumped.check("an ordinary connection again" in clean(), "no connection was let go")
    dumped.check(not is_locked(), "the lock is left")
    dumped.check(client.recv(100) == b"meanwhile", "what was sent meanwhile is lost")
    echo(client, b"at the end")
    with new_client(port) as other:
        echo(other, b"and a new one")


ENDED = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
listener.close()
client.shutdown(socket.SHUT_WR)
server.recv(1)
server.shutdown(socket.SHUT_WR)
client.recv(1)
open("ended", "w").close()
while True:
    time.sleep(0.01)
"""


def only_ended():
    """One whose connections have all ended is locked too, with --tcp-established, and unlocked."""
    tree = dumped.python(ENDED)
    tree.folder = os.path.abspath("ended-images")
    os.mkdir(tree.folder)
    dumped.await_true("the end of both", lambda: os.path.exists("ended"))
    tree.must_dump(*WORDS)
    tree.must_restore(*WORDS)
    dumped.check(not is_locked(), "a lock is left of connections that have ended")
    tree.end()


def main():
    dumped.begin()
    dumped.new_network()
    only_ended()
    tree = dumped.python(SERVER)
    dumped.await_true("the server", lambda: os.path.exists("port") and
                      open("port", encoding="ascii").read().endswith("\n"))
    with open("port", encoding="ascii") as f:
        port = int(f.read())
    client = new_client(port)
    echo(client, b"first")
    dumped.await_true("an idle server",
                      lambda: len(os.listdir(f"/proc/{tree.pid}/fd")) >= 6)
    killed_dump(tree, client, port)
    dumped.await_true("one connection only",
                      lambda: len(os.listdir(f"/proc/{tree.pid}/fd")) <= 6)
    killed_restores(tree, client, port)
    os.kill(tree.pid, signal.SIGKILL)
    dumped.check(system.wait_child(tree.pid, 20) is not None, "the tree did not end")


main()
