#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Names of a socket's file that a restore does not make again are told: further ones beside that of
the address, and one in another folder, whose first name was removed. The socket comes back.
The file that a dumped socket leaves behind is there after a restore that fails, with its owner and
mode.

wl: needs root
wl: areas unix-sockets"""

import os
import socket
import stat

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


def fail_late(tree):
    """The restore is made to fail when the socket is bound again."""
    os.chmod("twice", 0o751)
    os.chown("twice", 1234, 1235)
    os.environ["CRTOOLS_FAULT"] = "restore-programs"
    said = tree.restore()
    del os.environ["CRTOOLS_FAULT"]
    dumped.check(not said and "made to fail" in said.text, said.text)
    st = os.lstat("twice")
    dumped.check((st.st_mode, st.st_uid, st.st_gid) == (stat.S_IFSOCK | 0o751, 1234, 1235),
                 f"the file is another: {st}")


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
    fail_late(tree)
    tree.must_restore()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("twice")
        dumped.check(s.recv(10) == b"hello", "another answer")
    dumped.check(not os.path.exists("away"), "a file came to the name that was removed")
    tree.end()


main()
