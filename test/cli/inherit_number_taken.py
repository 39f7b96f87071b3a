#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The number that the inherited pipe end has in the tool is, in the restored task, the number of an
ordinary log file: both work, neither is mistaken for the other.

wl: needs root
wl: areas pipes files"""

import os

import dumped

WRITER = """
import os, sys, time
pipe, log = map(int, sys.argv[1:])
while True:
    os.write(pipe, b"message\\n")
    os.write(log, b"line\\n")
    time.sleep(0.01)
"""
CLASH = 33


def main():
    dumped.begin()
    log = os.open("log-file", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, CLASH)
    os.close(log)
    reader, writer = os.pipe()
    tree = dumped.python(WRITER, writer, CLASH, pass_fds=[writer, CLASH])
    inode = os.fstat(writer).st_ino
    os.close(writer)
    os.close(CLASH)
    dumped.read_lines(reader, 3)
    tree.must_dump()
    os.close(reader)
    size = os.stat("log-file").st_size

    reader, new_writer = os.pipe()
    os.dup2(new_writer, CLASH)
    os.close(new_writer)
    tree.must_restore("--inherit-fd", f"fd[{CLASH}]:pipe:[{inode}]", pass_fds=[CLASH])
    os.close(CLASH)
    lines = dumped.read_lines(reader, 3)
    dumped.check(set(lines) == {"message"}, f"through the pipe came {lines}")
    dumped.await_true("the log file to grow", lambda: os.stat("log-file").st_size > size + 10)
    dumped.check(set(open("log-file", encoding="ascii").read().split()) == {"line"},
                 "the log has something else in it")
    dumped.check(os.readlink(f"/proc/{tree.pid}/fd/{CLASH}") == os.path.abspath("log-file"),
                 "the number is another file")


main()
