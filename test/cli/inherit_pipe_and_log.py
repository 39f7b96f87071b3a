#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process' pipe and its log file are both replaced at restore, the pipe by the old pipe's name
and the file by its path without the first slash. Messages and log lines go to the new ones, and
the old log file stays as it was.

wl: needs root
wl: areas pipes files"""

import os

import dumped

WRITER = """
import os, sys, time
pipe, log = map(int, sys.argv[1:])
n = 0
while True:
    n += 1
    os.write(pipe, b"message %d\\n" % n)
    os.write(log, b"log line %d\\n" % n)
    time.sleep(0.01)
"""


def main():
    dumped.begin()
    old_log = os.path.abspath("old.log")
    log = os.open(old_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    reader, writer = os.pipe()
    tree = dumped.python(WRITER, writer, log, pass_fds=[writer, log])
    inode = os.fstat(writer).st_ino
    os.close(writer)
    os.close(log)
    dumped.read_lines(reader, 5)
    tree.must_dump()
    os.close(reader)
    before = open(old_log, "rb").read()

    reader, new_writer = os.pipe()
    new_log = os.open("new.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    tree.must_restore("--inherit-fd", f"fd[{new_writer}]:pipe:[{inode}]",
                      "--inherit-fd", f"fd[{new_log}]:{old_log[1:]}",
                      pass_fds=[new_writer, new_log])
    os.close(new_writer)
    lines = dumped.read_lines(reader, 5)
    dumped.check(all(line.startswith("message ") for line in lines), f"messages: {lines}")
    dumped.await_true("log lines in the new file",
                      lambda: open("new.log", "rb").read().count(b"\n") >= 5)
    logged = open("new.log", encoding="ascii").read().splitlines()
    last = int(before.split(b"\n")[-2].split()[-1])
    dumped.check(logged[0] in (f"log line {last}", f"log line {last + 1}"),
                 f"the log goes on with '{logged[0]}' after {last}")
    dumped.check(open(old_log, "rb").read() == before, "the old log file was written to")
    dumped.check(os.readlink(f"/proc/{tree.pid}/fd/{log}") == os.path.abspath("new.log"),
                 "the log's descriptor is another file")


main()
