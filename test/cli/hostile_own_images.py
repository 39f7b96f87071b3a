#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same as hostile_images for what sockets have in an image of our own: datagrams that wait,
what was sent to servers that have not accepted it yet, by clients that have closed, too, TCP
connections that are not accepted, groups. One number or field of it is changed at a time.

HOSTILE=N takes every Nth mutation instead of forty.

wl: needs root kernel:6.9
wl: timeout 7200
wl: areas images unix-sockets inet-sockets tcp"""

import os
import subprocess

import dumped
import hostile_images
from hostile_images import MANIFEST, attempt, edits, fitted, frames, prime_from, really, write
from lib import system

CODE = """
import os, socket, struct, time
A, INET = socket.AF_UNIX, socket.AF_INET
kept = []
def add(s):
    kept.append(s)
    return s
for kind in socket.SOCK_STREAM, socket.SOCK_SEQPACKET:
    server = add(socket.socket(A, kind))
    server.bind("\\0hostile server%d" % kind)
    server.listen(3)
    add(socket.socket(A, kind)).connect("\\0hostile server%d" % kind)
    kept[-1].send(b"early")
    gone = socket.socket(A, kind)
    gone.bind("gone%d" % kind)
    gone.connect("\\0hostile server%d" % kind)
    gone.send(b"last words")
    gone.close()
    os.unlink("gone%d" % kind)
datagrams = add(socket.socket(A, socket.SOCK_DGRAM))
datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
datagrams.bind("\\0hostile datagrams")
gone = socket.socket(A, socket.SOCK_DGRAM)
gone.bind("sender")
gone.sendto(b"message", "\\0hostile datagrams")
gone.close()
os.unlink("sender")
udp = add(socket.socket(INET, socket.SOCK_DGRAM))
udp.bind(("127.0.0.1", 0))
udp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
               struct.pack("=4s4si", socket.inet_aton("239.1.2.3"), bytes(4), 1))
add(socket.socket(INET, socket.SOCK_DGRAM)).sendto(b"datagram", udp.getsockname())
tcp = add(socket.create_server(("127.0.0.1", 0)))
for _ in range(2):
    add(socket.create_connection(tcp.getsockname())).send(b"request")
kept[-1].shutdown(socket.SHUT_WR)
open("ready", "w").close()
time.sleep(1000)
"""
NAME = "crtools-files.img"
FEW, RESTORED = 40, 5


def mutations(data):
    for start, end in frames(data, 8):
        for i, other in enumerate(edits(data[start:end])):
            yield (f"{NAME}: edit {i} of the message at {start}",
                   data[:start - 4] + len(other).to_bytes(4, "little") + other + data[end:])


def main():
    dumped.begin()
    dumped.new_network()
    hostile_images.WORDS, hostile_images.UNSHARE = ["--tcp-established"], ["--net"]
    tree = dumped.python(CODE)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    os.mkdir("images")
    done = subprocess.run([dumped.TOOL, "dump", "-t", str(tree.pid), "-D", "images",
                           "--tcp-established"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)
    dumped.check(done.returncode == 0, done.stderr)
    dumped.await_true("the end of the tree", lambda: system.reap() or not tree.alive())
    with open(f"images/{NAME}", "rb") as f:
        original = f.read()
    with open(f"images/{MANIFEST}", "rb") as f:
        manifest = f.read()
    dumped.check(fitted(manifest, NAME, len(original)) == manifest, "the manifest is not as it was")
    total = sum(1 for _ in mutations(original))
    stride = int(os.environ.get("HOSTILE", 0)) or prime_from(total // FEW)
    refused = accepted = restored = 0
    for number, (what, data) in enumerate(mutations(original)):
        if number % stride:
            continue
        write(NAME, data)
        write(MANIFEST, fitted(manifest, NAME, len(data)))
        if attempt(what):
            refused += 1
            continue
        accepted += 1
        if restored < RESTORED * number / total:
            restored += 1
            really(what)
    write(NAME, original)
    write(MANIFEST, manifest)
    dumped.check(really("all put back"), "the set as it was makes no tree")
    dumped.check(refused > total // stride // 10, f"only {refused} of {total} are refused")
    print(f"{refused} refused, {accepted} accepted, of {total} mutations; {restored} restored")


main()
