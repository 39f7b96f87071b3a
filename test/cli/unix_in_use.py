#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names of unix sockets that are not free at the restore: a path, and an abstract name, that
another program has bound, a file that is no socket, a folder that is gone. Each is refused before
anything is forked, with the socket, the name and what to do, and what is there stays. A socket
file that nobody is bound to is replaced, and a restore that fails leaves none behind.

wl: needs root
wl: areas unix-sockets"""

import os
import socket

import dumped

SERVER = """
import os, socket, sys, time
path, abstract = sys.argv[1:]
one = socket.socket(socket.AF_UNIX)
one.bind(path)
one.listen()
two = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
two.bind("\\0" + abstract)
os.mkdir("ready")
while True:
    time.sleep(1)
"""


def refused(tree, *texts):
    said = tree.restore()
    dumped.check(not said, "the restore was not refused")
    for text in texts:
        dumped.check(text in said.text, f"'{text}' is not said:\n{said.text[-2000:]}")
    tree.check_gone()


def sockets(tree):
    folder = f"/proc/{tree.pid}/fd"
    return sum(os.readlink(os.path.join(folder, fd)).startswith("socket:")
               for fd in os.listdir(folder))


def main():
    dumped.begin()
    os.mkdir("dir")
    path, abstract = os.path.abspath("dir/sock"), f"crtools in use {os.getpid()}"
    tree = dumped.python(SERVER, path, abstract)
    dumped.await_true("the server", lambda: os.path.exists("ready"))
    before = sockets(tree)
    tree.must_dump()

    os.unlink(path)
    other = socket.socket(socket.AF_UNIX)
    other.bind(path)
    number = os.fstat(other.fileno()).st_ino
    refused(tree, f"its path {path} is in use by socket:[{number}]", "end the program")
    other.close()
    os.unlink(path)

    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    other.bind("\0" + abstract)
    refused(tree, f"its name @{abstract} is in use by socket:[")
    other.close()

    with open(path, "w", encoding="ascii") as f:
        f.write("precious")
    refused(tree, f"there is a file at {path}", "move that file away")
    with open(path, encoding="ascii") as f:
        dumped.check(f.read() == "precious", "the file was changed")
    os.unlink(path)

    os.rmdir("dir")
    refused(tree, "which is not here", "make that folder")
    os.mkdir("dir")

    stale = socket.socket(socket.AF_UNIX)
    stale.bind(path)
    stale.close()
    with open("fail.sh", "w", encoding="ascii") as f:
        f.write("#!/bin/sh\ntest $CRTOOLS_SCRIPT_ACTION != post-restore\n")
    os.chmod("fail.sh", 0o755)
    for there in True, False:  # of the stale one: the files are as before
        said = tree.restore("--action-script", os.path.abspath("fail.sh"))
        dumped.check(not said, "the script's failure was passed over")
        tree.check_gone()
        dumped.check(os.path.exists(path) == there, "a restore that failed has changed the files")
        if there:
            os.unlink(path)
    tree.must_restore()
    client = socket.socket(socket.AF_UNIX)
    client.connect(path)
    dumped.check(sockets(tree) == before == 2, f"{sockets(tree)} sockets, were {before}")


main()
