#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A lock that another process has taken meanwhile: the restore fails, says which file, task and
descriptor, and leaves nothing behind; the other's lock stands. When the other has let go, the same
images are restored, and the locks hold.

wl: needs root
wl: areas locks"""

import fcntl
import os
import shutil

import dumped
from dumped import check

PROGRAM = r"""
import fcntl, os, signal, sys
fd = os.open("taken", os.O_RDWR | os.O_CREAT, 0o600)
if sys.argv[1] == "flock":
    fcntl.flock(fd, fcntl.LOCK_EX)
else:
    fcntl.lockf(fd, fcntl.LOCK_EX)
open("ready", "w").close()
signal.sigwait({signal.SIGTERM})
"""


def take(how, flags=0):
    fd = os.open("taken", os.O_RDWR)
    if how == "flock":
        fcntl.flock(fd, fcntl.LOCK_EX | flags)
    else:
        fcntl.lockf(fd, fcntl.LOCK_EX | flags)
    return fd


def is_taken(how):
    try:
        os.close(take(how, fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    return False


def case(how):
    tree = dumped.python(PROGRAM, how)
    dumped.await_true("the lock", lambda: os.path.exists("ready"))
    os.unlink("ready")
    tree.must_dump("--file-locks")
    check(not is_taken(how), "the lock has outlived its process")
    other = take(how)
    said = tree.restore("--file-locks")
    check(not said, "restored over somebody else's lock")
    check(f"task {tree.pid}" in said.text and f"lock on {os.getcwd()}/taken (descriptor 3)" in
          said.text, f"the failure does not say which lock:\n{said.text[-2000:]}")
    tree.check_gone()
    check(is_taken(how) or how == "posix", "the other's lock is gone")
    os.close(other)
    tree.must_restore()  # also without the option: what is in the images is not dropped
    check(is_taken(how), "the restored lock does not hold")
    tree.end()
    shutil.rmtree(tree.images)


def main():
    dumped.begin()
    for how in ("flock", "posix"):
        case(how)


main()
