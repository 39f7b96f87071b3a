#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A socket that was connected to the RPC service, marked so in the images (uflags bit 1): the
restored program reads the answer that it has been restored, and then the end.

wl: needs root
wl: areas unix-sockets cli-rpc"""

import os
import re

import dumped

PROGRAM = """
import os, socket, sys, time
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
b.close()
os.mkdir("ready")
while not os.path.exists("go"):
    time.sleep(0.01)
with open("answer.tmp", "wb") as f:
    f.write(a.recv(100))
    f.write(b"|" + a.recv(100))
os.rename("answer.tmp", "answer")
while True:
    time.sleep(1)
"""


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    tree.must_dump()
    path = os.path.join(tree.images, "files.img")
    with open(path, "rb") as f:
        image = f.read()
    # type 5, state 1, flags 2, uflags 0: SEQPACKET, established, O_RDWR
    marked, n = re.subn(rb"\x18\x05\x20\x01\x28\x02\x30\x00", b"\x18\x05\x20\x01\x28\x02\x30\x02",
                        image)
    dumped.check(n == 1, f"{n} sockets look like the one")
    with open(path, "wb") as f:
        f.write(marked)
    os.remove(os.path.join(tree.images, "crtools-manifest.img"))
    tree.must_restore()
    os.mkdir("go")
    dumped.await_true("the answer", lambda: os.path.exists("answer"))
    with open("answer", "rb") as f:
        answer = f.read()
    # criu_resp: type DUMP, success, dump { restored }
    dumped.check(answer == b"\x08\x01\x10\x01\x1a\x02\x08\x01|", f"the answer is {answer!r}")


main()
