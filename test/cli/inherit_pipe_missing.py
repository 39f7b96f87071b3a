#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A process' pipe, the other end of which is outside of the tree, is not replaced at restore: the
first write after it finds the pipe broken (EPIPE), as nobody has the other end.

wl: needs root
wl: areas pipes"""

import os

import dumped

WRITER = """
import os, sys, time
fd = int(sys.argv[1])
try:
    while True:
        os.write(fd, b"message\\n")
        time.sleep(0.01)
except BrokenPipeError:
    sys.exit(42)
"""


def main():
    dumped.begin()
    reader, writer = os.pipe()
    tree = dumped.python(WRITER, writer, pass_fds=[writer])
    os.close(writer)
    dumped.read_lines(reader, 3)
    tree.must_dump()
    tree.must_restore()
    status = dumped.system.wait_child(tree.pid, 20)
    dumped.check(status is not None, "the program did not find its pipe broken")
    dumped.check(os.waitstatus_to_exitcode(status) == 42, f"it ended with status {status:#x}")


main()
