#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A request of an AIO context that waits for a file may end between the moments at which the dump
reads the context's requests, and its ring. The images then have both, as they are made to have
here: the request is not given again, as its event is there. A place in the ring that it can't have,
and a context that is not there, are refused.

wl: needs root kernel:5.19
wl: areas aio-uring-bpf images"""

import os

import dumped
from hostile_images import MANIFEST, fields, fitted, frames, pack
from lib import system

PROGRAM = """
import ctypes, os, struct, time
libc = ctypes.CDLL(None, use_errno=True)
SETUP, GET, SUBMIT = (0, 4, 2) if os.uname().machine == "aarch64" else (206, 208, 209)
def call(nr, *args):
    ret = libc.syscall(ctypes.c_long(nr), *args)
    if ret < 0:
        raise OSError(ctypes.get_errno(), "aio")
    return ret
context = ctypes.c_ulong(0)
call(SETUP, 8, ctypes.byref(context))
def wait_for(fd, data):
    cb = ctypes.create_string_buffer(struct.pack("=QIiHhIQQqQII", data, 0, 0, 5, 0, fd, 1, 0, 0, 0,
                                                 0, 0), 64)
    call(SUBMIT, context, ctypes.c_long(1), (ctypes.c_void_p * 1)(ctypes.addressof(cb)))
    return cb
def events():
    room, none = ctypes.create_string_buffer(32 * 8), ctypes.create_string_buffer(16)
    n = call(GET, context, ctypes.c_long(0), ctypes.c_long(8), room, none)
    return [struct.unpack_from("=Q", room, 32 * i)[0] for i in range(n)]
ends = os.pipe(), os.pipe()
requests = wait_for(ends[0][0], 11), wait_for(ends[1][0], 22)
os.write(ends[0][1], b"x")
with open("ready.new", "w") as ready:
    print(ctypes.addressof(requests[0]), file=ready)
os.rename("ready.new", "ready")
while not os.path.exists("go"):
    time.sleep(0.01)
first = events()
os.write(ends[1][1], b"x")
with open("said.new", "w") as said:
    print(first, events(), events(), file=said)
os.rename("said.new", "said")
while True:
    time.sleep(1)
"""
POLLS, CONTEXT, TAIL, REQUEST = 24 << 3 | 2, 1 << 3, 2 << 3, 3 << 3


def read(name):
    with open(name, "rb") as f:
        return f.read()


class Images:
    def __init__(self, tree):
        self.folder, self.name = tree.images, f"crtools-task-{tree.pid}.img"
        self.original, self.manifest = (read(f"{self.folder}/{name}")
                                        for name in (self.name, MANIFEST))
        (self.start, end), = frames(self.original, 8)
        self.entry = fields(self.original[self.start:end])
        self.polls = fields(dict(self.entry)[POLLS])

    def put(self, polls):
        out = pack([(k, pack(polls) if k == POLLS else v) for k, v in self.entry])
        data = self.original[:self.start - 4] + len(out).to_bytes(4, "little") + out
        for name, text in ((self.name, data),
                           (MANIFEST, fitted(self.manifest, self.name, len(data)))):
            with open(f"{self.folder}/{name}", "wb") as f:
                f.write(text)


def must_refuse(tree, what):
    said = tree.restore()
    dumped.check(not said and what in said.text, f"not refused: {what}\n{said.text[-2000:]}")
    tree.check_gone()


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    tree.must_dump()
    images = Images(tree)
    dumped.check(sorted(k for k, _ in images.polls) == [CONTEXT, TAIL, REQUEST]
                 and (TAIL, 1) in images.polls, f"other requests are kept: {images.polls}")
    images.put([(k, 1 << 20 if k == TAIL else v) for k, v in images.polls])
    must_refuse(tree, "can't have 1 requests behind event 1048576")
    images.put([(k, v + 4096 if k == CONTEXT else v) for k, v in images.polls])
    must_refuse(tree, "where none is")
    ended = (REQUEST, int(system.read_text("ready")))
    images.put([(k, 0 if k == TAIL else v) for k, v in images.polls] + [ended])
    tree.must_restore()
    os.close(os.open("go", os.O_CREAT))
    dumped.await_true("what the program says", lambda: os.path.exists("said"))
    said = system.read_text("said")
    dumped.check(said == "[11] [22] []\n", f"other events: {said}")
    tree.end()


main()
