#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The pipe end that is replaced at restore was opened once more through /proc by the process, as a
description of its own. Either both lead to the new pipe afterwards, or the restore is refused and
leaves no task behind; never does one of them lead elsewhere unsaid.

wl: needs root
wl: areas pipes"""

import os

import dumped

WRITER = """
import os, sys, time
fd = int(sys.argv[1])
again = os.open("/proc/self/fd/%d" % fd, os.O_WRONLY)
while True:
    os.write(fd, b"first %d\\n" % again)
    os.write(again, b"second %d\\n" % again)
    time.sleep(0.01)
"""


def main():
    dumped.begin()
    reader, writer = os.pipe()
    tree = dumped.python(WRITER, writer, pass_fds=[writer])
    inode = os.fstat(writer).st_ino
    os.close(writer)
    lines = dumped.read_lines(reader, 4)
    again = int(lines[1].split()[1])
    tree.must_dump()
    os.close(reader)
    reader, new_writer = os.pipe()
    said = tree.restore("--inherit-fd", f"fd[{new_writer}]:pipe:[{inode}]", pass_fds=[new_writer])
    if not said:
        tree.check_gone()
        dumped.check(str(inode) in said.text, f"the refusal doesn't name the pipe:\n{said.text}")
        return
    want = os.fstat(new_writer).st_ino
    for fd in (writer, again):
        dumped.check(os.stat(f"/proc/{tree.pid}/fd/{fd}").st_ino == want,
                     f"descriptor {fd} leads to another pipe")
    os.close(new_writer)
    words = {line.split()[0] for line in dumped.read_lines(reader, 6)}
    dumped.check(words == {"first", "second"}, f"through the new pipe came {words}")


main()
