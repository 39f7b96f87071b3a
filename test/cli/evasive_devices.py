#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--evasive-devices: a device whose node can't be reached by its name is opened by another node of
the same number, at the same name or in /dev. Without it such a dump is refused, with the option
named, or, where the node was removed, the node is made again.

wl: needs root
wl: areas files"""

import ctypes
import os
import stat

import dumped

HOLDER = """
import os, sys, time
fds = [os.open(name, os.O_RDWR) for name in sys.argv[1:]]
print("ready", flush=True)
time.sleep(1000)
"""
libc = ctypes.CDLL(None)


def node(path, mode):
    os.mknod(path, stat.S_IFCHR | mode, os.makedev(1, 3))


def start(name):
    if os.path.exists("log"):
        os.unlink("log")
    tree = dumped.python(HOLDER, os.path.abspath(name))
    dumped.await_true("the program", lambda: "ready" in open("log", encoding="ascii").read())
    tree.folder = os.path.dirname(os.path.abspath(name)) + f"/of-{tree.pid}"
    os.mkdir(tree.folder)
    return tree


def opened(tree):
    found = [os.readlink(f"/proc/{tree.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{tree.pid}/fd")
             if int(fd) > 2]
    dumped.check(len(found) == 1, found)
    return found[0]


def removed():
    """The node was removed and made again, with another mode."""
    node("node", 0o700)
    tree = start("node")
    os.unlink("node")
    node("node", 0o600)
    tree.must_dump("--evasive-devices")
    tree.must_restore()
    dumped.check(opened(tree) == os.path.abspath("node"), opened(tree))
    fd = os.open(f"/proc/{tree.pid}/fd/3", os.O_RDWR)
    dumped.check(os.write(fd, b"x") == 1 and os.read(fd, 1) == b"", "it is no null device")
    tree.must_dump()  # without the option nothing is evaded: the name leads there now
    tree.must_restore()
    tree.end()


def covered():
    """Something is mounted on the node's directory."""
    os.mkdir("sub")
    node("sub/zilch", 0o600)
    tree = start("sub/zilch")
    tree.folder = os.getcwd() + "/covered"
    os.mkdir(tree.folder)
    dumped.check(not libc.mount(b"none", b"sub", b"tmpfs", 0, None), "can't mount")
    said = tree.dump()
    dumped.check(not said and "--evasive-devices" in said.text, f"without it: {said.text}")
    tree.must_dump("--evasive-devices")
    tree.must_restore()
    where = opened(tree)
    dumped.check(where.startswith("/dev/") and
                 os.stat(where).st_rdev == os.makedev(1, 3), f"it is {where}")
    tree.end()
    libc.umount2(b"sub", 2)


def main():
    dumped.begin()
    removed()
    covered()


main()
