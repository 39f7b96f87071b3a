#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A file that is made immutable, and one that is made append-only, while a process has them open
for writing: nobody can open them so again. The dump is refused, for both, and so is the restore of
images that were made before; nothing has been forked by then. A descriptor that appends is no
matter. When the flags are gone, the same images restore, and the flags were never touched.

wl: needs root inode_flags
wl: areas files"""

import subprocess

import dumped

WRITER = """
import os, signal
fixed = os.open("fixed", os.O_RDWR | os.O_CREAT)
grown = os.open("grown", os.O_WRONLY | os.O_CREAT)
appended = os.open("appended", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
for fd in fixed, grown, appended:
    os.write(fd, b"text")
"""
REASONS = {"fixed": "immutable (chattr +i)", "grown": "append-only (chattr +a)"}


def set_flags(sign):
    for flag, name in (("i", "fixed"), ("a", "grown"), ("a", "appended")):
        subprocess.run(["chattr", sign + flag, name], check=True)


def check_refused(said, verb):
    lines = [line for line in said.text.splitlines() if "Refused" in line]
    dumped.check(not said and len(lines) == 2, f"{verb}: not refused for two reasons:\n{said.text}")
    for name, reason in REASONS.items():
        dumped.check(any(name in line and reason in line for line in lines),
                     f"{verb}: no refusal for {name}:\n{said.text}")


def main():
    dumped.begin()
    tree = dumped.python(WRITER)
    dumped.await_true("the program's start", lambda: "ready" in open(tree.log).read())
    set_flags("+")
    try:
        check_refused(tree.dump(), "dump")
        dumped.check(tree.alive(), "the refused dump ended the program")
        set_flags("-")
        tree.must_dump()
        set_flags("+")
        check_refused(tree.restore(), "restore")
        tree.check_gone()
        shown = subprocess.run(["lsattr", "fixed", "grown"], capture_output=True, text=True,
                               check=True).stdout.splitlines()
        dumped.check("i" in shown[0].split()[0] and "a" in shown[1].split()[0], f"flags: {shown}")
    finally:
        set_flags("-")
    tree.must_restore()
    dumped.check(tree.finish() == 0, "the program did not end well")
    for name in "fixed", "grown", "appended":
        with open(name) as file:
            dumped.check(file.read() == "text", f"{name} was not written to")


main()
