#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process has deleted files open, one of them with another name left (--link-remap), and a file
that is gone when it is restored: the restore is refused, and there is no stray file in the
directory. When the missing file is back, the same images restore, and again nothing is left.

wl: needs root
wl: areas files"""

import os

import dumped

HOLDER = """
import os, time
deleted = os.open("deleted", os.O_RDWR | os.O_CREAT, 0o640)
os.write(deleted, b"x" * 1000)
os.unlink("deleted")
opened = os.open("opened", os.O_RDWR | os.O_CREAT, 0o640)
os.link("opened", "other")
os.unlink("opened")
needed = os.open("needed", os.O_RDWR | os.O_CREAT, 0o640)
os.write(needed, b"y" * 10)
os.close(os.open("ready", os.O_WRONLY | os.O_CREAT))
while True:
    time.sleep(10)
"""


def main():
    dumped.begin()
    os.mkdir("work")
    top = os.getcwd()
    os.chdir("work")
    tree = dumped.python(HOLDER)
    tree.folder = top
    dumped.await_true("the program's start", lambda: os.path.exists("ready"))
    before = sorted(os.listdir("."))
    os.chdir(top)
    tree.must_dump("--link-remap")
    os.rename("work/needed", "needed.aside")
    after_dump = sorted(os.listdir("work"))
    said = tree.restore()
    dumped.check(not said, "the restore was not refused")
    dumped.check("needed" in said.text, "the refusal doesn't name the file")
    tree.check_gone()
    now = sorted(os.listdir("work"))
    dumped.check(now == after_dump, f"the refused restore changed {after_dump} to {now}")
    os.rename("needed.aside", "work/needed")
    tree.must_restore()
    dumped.check(sorted(os.listdir("work")) == before,
                 f"after the restore: {sorted(os.listdir('work'))}, at first: {before}")
    links = [os.readlink(f"/proc/{tree.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{tree.pid}/fd")]
    dumped.check(any(link.endswith("/deleted (deleted)") for link in links), f"links: {links}")


main()
