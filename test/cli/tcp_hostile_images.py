#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Images of TCP connections that were tampered with: lengths of queues, windows and scales that the
kernel would not take or that don't fit each other, addresses and ports that no connection has, two
sockets with one connection. Each restore is refused before anything is forked, and names the
socket, its peer and the field; nothing is left, and the images as they were are restored.

wl: needs root
wl: areas tcp"""

import os
import struct

import dumped
from wire import changed, fields, frames, pack

PROGRAM = """
import os, socket, time
listener = socket.create_server(("127.0.0.1", 0))
a = [socket.create_connection(listener.getsockname()) for _ in range(2)]
b = [listener.accept()[0] for _ in range(2)]
listener.close()
a[0].send(b"one")
os.close(os.open("ready", os.O_CREAT))
while not os.path.exists("go"):
    time.sleep(0.01)
a[0].send(b"two")
open("got", "wb").write(b[0].recv(6, socket.MSG_WAITALL))
"""
ISK = 4  # of file_entry
STATE, SRC_PORT, DST_PORT, SRC_ADDR, DST_ADDR = 6, 7, 8, 11, 12
WRAPS = 1 << 32


class Images:
    def __init__(self, folder):
        self.folder = folder
        self.good = {}
        os.remove(os.path.join(folder, "crtools-manifest.img"))
        self.files = frames(self.read("files.img"))
        isks = [dict(fields(f))[ISK] for f in self.files if ISK in dict(fields(f))]
        self.client = min(isks, key=lambda isk: dict(fields(isk))[1])
        self.stream = f"tcp-stream-{dict(fields(self.client))[2]:x}.img"

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            self.good[name] = f.read()
        return self.good[name]

    def write(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(data)

    def change_stream(self, numbers):
        data = self.read(self.stream)
        msg = frames(data[:12 + struct.unpack_from("<I", data, 8)[0]])[0]
        new = changed(msg, **numbers)
        self.write(self.stream, data[:8] + struct.pack("<I", len(new)) + new +
                   data[12 + len(msg):])

    def change_client(self, numbers):
        out = self.good["files.img"][:8]
        for f in self.files:
            if dict(fields(f)).get(ISK) == self.client:
                f = pack([[n, changed(v, **numbers) if n == ISK else v] for n, v in fields(f)])
            out += struct.pack("<I", len(f)) + f
        self.write("files.img", out)

    def mend(self):
        for name, data in self.good.items():
            self.write(name, data)


def main():
    dumped.begin()
    dumped.new_network()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    tree.must_dump("--tcp-established")
    images = Images(tree.images)
    own = dict(fields(images.client))
    twin = [dict(fields(dict(fields(f))[ISK])) for f in images.files if ISK in dict(fields(f))]
    twin = next(t for t in twin if t[DST_PORT] == own[DST_PORT] and t[1] != own[1])
    named = f"127.0.0.1:{own[SRC_PORT]}), connected to 127.0.0.1:{own[DST_PORT]}"
    for numbers, text in (
            ({"f1": 1 << 31}, "should have 2147483648 bytes of data"),
            ({"f3": WRAPS - 1}, "should have 4294967295 bytes of data"),
            ({"f12": 1}, "unsq_len is 1, more than the 0 bytes of outq_len"),
            ({"f6": 15}, "snd_wscale is 15, the most is 14"),
            ({"f8": 200}, "rcv_wscale is 200"),
            ({"f7": 1 << 16}, "mss_clamp is 65536"),
            ({"f14": 1 << 30}, "snd_wnd is 1073741824, and the largest it ever was"),
            ({"f2": 5, "f17": 6}, "rcv_wup is 6, behind the end of what was received, 5"),
            ({"f2": 5, "f17": 5, "f16": 10, "f13": 16}, "snd_wl1 is 16, behind the end")):
        images.change_stream(numbers)
        refuse(tree, images.stream, images.stream if "bytes of data" in text else named, text)
        images.mend()
    for numbers, text in (
            ({f"f{STATE}": 3}, "state of internet socket"),
            ({f"f{SRC_PORT}": 1 << 16}, "src_port of internet socket"),
            ({f"f{SRC_PORT}": 0}, "src_port is 0: a connection has a port"),
            ({f"f{DST_ADDR}": struct.unpack("<I", bytes([224, 0, 0, 1]))[0]},
             "dst_addr is none that a connection can have"),
            ({f"f{DST_ADDR}": 0}, "dst_addr is none that a connection can have"),
            ({f"f{SRC_PORT}": twin[SRC_PORT]}, "are both connected to 127.0.0.1")):
        images.change_client(numbers)
        refuse(tree, "socket", text)
        images.mend()
    tree.must_restore("--tcp-established")
    with open("go", "w", encoding="ascii"):
        pass
    dumped.await_true("the data", lambda: os.path.exists("got") and os.path.getsize("got") == 6)
    with open("got", "rb") as f:
        dumped.check(f.read() == b"onetwo", "the data is not what was sent")


def refuse(tree, *texts):
    said = tree.restore("--tcp-established")
    for text in texts:
        dumped.check(not said and text in said.text, f"'{text}' is not said:\n{said.text[-2000:]}")
    tree.check_gone()


main()
