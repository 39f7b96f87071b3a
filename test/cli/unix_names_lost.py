#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names of a socket's file that a restore does not make again are told: further ones beside that of
the address, and one in another folder, whose first name was removed. The socket comes back.

wl: needs root
wl: areas unix-sockets"""

import os
import socket

import dumped

PROGRAM = """
import os, socket, time
here = os.getcwd()
def listen(name):
    s = socket.socket(socket.AF_UNIX)
    s.bind(f"{here}/{name}")
    s.listen()
    return s
twice, away = listen("twice"), listen("away")
os.link("twice", "again")
os.mkdir("folder")
os.link("away", "folder/away")
os.unlink("away")
os.close(os.open("ready", os.O_CREAT))
while True:
    twice.accept()[0].sendall(b"hello")
"""


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    here = os.getcwd()
    said = tree.dump()
    dumped.check(said, f"the dump failed:\n{said.text}")
    for words in (f"its file has 2 names (hard links): {here}/twice leads to the restored socket",
                  f"its file {here}/away has another name by now, which is not in that folder"):
        dumped.check(words in said.text, f"not told: {words}\n{said.text}")
    tree.must_restore()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("twice")
        dumped.check(s.recv(10) == b"hello", "another answer")
    dumped.check(not os.path.exists("away"), "a file came to the name that was removed")
    tree.end()


main()
