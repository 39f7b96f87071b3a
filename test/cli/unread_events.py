#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Events that nobody has read of inotify and of fanotify: the dump tells how many are lost, and
the tree comes back with its watches, and with queues in which they are not. That of inotify has
what the kernel tells of lost events in their place: one IN_Q_OVERFLOW, which epoll tells as well.

wl: needs root
wl: areas fsnotify"""

import os

import dumped

PROGRAM = """
import ctypes, os, select, struct, time
libc = ctypes.CDLL(None)
notify, group = libc.inotify_init1(os.O_NONBLOCK), libc.fanotify_init(2, os.O_RDONLY)
os.close(os.open("file", os.O_CREAT))
if libc.inotify_add_watch(notify, b"file", 0x22) < 0:  # IN_OPEN, IN_MODIFY
    raise OSError("inotify_add_watch")
if libc.fanotify_mark(group, 1, ctypes.c_uint64(0x20), -100, b"file") < 0:  # FAN_OPEN
    raise OSError("fanotify_mark")
fd = os.open("file", os.O_WRONLY)
os.write(fd, b"x")
os.close(fd)
os.close(os.open("ready", os.O_CREAT))
while not os.path.exists("go"):
    time.sleep(0.01)
def unread(fd):
    try:
        return len(os.read(fd, 4096))
    except BlockingIOError:
        return 0
poll = select.epoll()
poll.register(notify, select.EPOLLIN)
if len(poll.poll(0)) != 1:
    raise OSError("nothing to read")
wd, mask, cookie, length = struct.unpack("iIII", os.read(notify, 4096))
if (wd, cookie, length) != (-1, 0, 0):
    raise OSError("another event")
lost = hex(mask), unread(notify), unread(group)
os.close(os.open("file", os.O_RDONLY))
with open("said.new", "w") as said:
    print(*lost, unread(notify), unread(group), file=said)
os.rename("said.new", "said")
while True:
    time.sleep(1)
"""


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    said = tree.dump()
    dumped.check(said, f"the dump failed:\n{said.text}")
    for words in ("has 32 bytes of events that nobody has read; they are lost, which the "
                  "restored program is told (IN_Q_OVERFLOW)",
                  "has 1 events that nobody has read; they are lost"):
        dumped.check(words in said.text, f"not told: {words}\n{said.text}")
    tree.must_restore()
    os.close(os.open("go", os.O_CREAT))
    dumped.await_true("what the program reads", lambda: os.path.exists("said"))
    with open("said", encoding="ascii") as said:
        dumped.check(said.read() == "0x4000 0 0 16 24\n",
                     "other events than the one since the restore")
    tree.end()


if __name__ == "__main__":
    main()
