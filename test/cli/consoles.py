#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Virtual consoles where a restore, or a dump, can't have them: a node that is gone, or is another
device, is refused before the fork, and --inherit-fd gives a terminal in its place; a console in
graphics mode is a display server's, and refused.

wl: needs root vt
wl: lane tty
wl: areas tty"""

import os
import pty
import shutil

import dumped
from dumped import check

PROGRAM = """
import fcntl, os, signal, sys
fd = os.open("console", os.O_RDWR | os.O_NOCTTY)
if sys.argv[1] == "graphics":
    fcntl.ioctl(fd, 0x4B3A, 1) # KDSETMODE, KD_GRAPHICS
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
os.write(fd, b"there\\n")
fcntl.ioctl(fd, 0x4B3A, 0) if sys.argv[1] == "graphics" else None
"""


def start(mode):
    if not os.path.exists("console"):
        os.mknod("console", 0o600 | 0o020000, os.makedev(4, 60))
    tree = dumped.python("import signal; signal.pthread_sigmask(signal.SIG_BLOCK, "
                         "[signal.SIGTERM])\n" + PROGRAM, mode)
    dumped.await_true("the program", lambda: open("log", encoding="ascii").read() == "ready\n")
    return tree


def check_graphics():
    tree = start("graphics")
    said = tree.dump()
    check(not said and "is a virtual console in graphics mode" in said.text,
          f"a console in graphics mode:\n{said.text[-2000:]}")
    check(tree.finish() == 0, "the program that was not dumped did not go on")
    os.unlink("log")
    shutil.rmtree(tree.images)


def check_gone():
    tree = start("text")
    device = os.stat("console").st_dev
    tree.must_dump()
    os.unlink("console")
    for name in ("none", "null"):
        if name == "null":
            os.mknod("console", 0o600 | 0o020000, os.makedev(1, 3))
        said = tree.restore()
        check(not said and "is not the device 4:60 here" in said.text and
              "restore-fork" not in said.text, f"{name} as console:\n{said.text[-2000:]}")
        tree.check_gone()
    master, slave = pty.openpty()
    tree.must_restore("--inherit-fd", f"fd[{slave}]:tty[43c:{device:x}]", pass_fds=(slave,))
    check(tree.finish() == 0, "the program did not go on")
    check(os.read(master, 100) == b"there\r\n", "it has not got the terminal that was given")


def main():
    dumped.begin()
    check_graphics()
    check_gone()


main()
