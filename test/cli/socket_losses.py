#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What netlink, packet and datagram sockets can't take along is told: messages and packets that
were not read, errors that were not told. Answers of netlink refuse the dump, unless --skip-in-
flight gives them up; news for a group do not. A port id of netlink that another socket has
meanwhile, and a network device that is gone, refuse the restore, by name and before anything is
forked; without these in the way it works.

wl: needs root program:ip
wl: areas packet-netlink inet-sockets
wl: lane packet"""

import os
import socket
import subprocess

import dumped
from lib import system

DEVICE = "crtools-test0"
NETLINK_USERSOCK = 2
PROGRAM = f"""
import os, socket, struct, time
# descriptors 3 and 4: answers; 5: news; 6: packets
bound = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, {NETLINK_USERSOCK})
bound.bind((os.getpid(), 0))
socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, {NETLINK_USERSOCK}).sendto(b"m", (os.getpid(), 0))
route = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
route.send(struct.pack("=IHHIIB3x", 20, 18, 0x301, 1, 0, 0)) # RTM_GETLINK, of all
route.recv(65536)
news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, {NETLINK_USERSOCK})
news.bind((0, 1))
try: # a group and nobody else, who would be the kernel
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, {NETLINK_USERSOCK}).sendto(b"m", (0, 1))
except ConnectionRefusedError:
    pass
packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
packets.bind(("lo", 0x88b6))
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
sender.sendto(bytes(12) + b"\\x88\\xb6" + bytes(46), ("lo", 0x88b6))
away = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
away.bind(("{DEVICE}", 0x88b6))
nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
nobody.bind(("127.0.0.1", 0))
errors = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
errors[1].setsockopt(socket.SOL_IP, 11, 1)  # IP_RECVERR
for s in errors:
    s.connect(nobody.getsockname())
nobody.close()
for s in errors:
    s.send(b"nobody hears it")
os.close(os.open("ready", os.O_CREAT))
while not os.path.exists("go"):
    time.sleep(0.01)
for s in errors:  # they go on, as if nothing had come
    s.setblocking(False)
    try:
        s.recv(10)
    except BlockingIOError:
        pass
    try:
        s.send(b"once more")
        s.recv(10)
    except ConnectionRefusedError:
        print("refused", flush=True)
while True:
    time.sleep(1)
"""


def ip(*words):
    subprocess.run(["ip", "link", *words], check=False, stdin=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def make_device():
    ip("add", DEVICE, "type", "dummy")
    if not os.path.exists(f"/sys/class/net/{DEVICE}"):
        ip("add", DEVICE, "type", "veth")
    dumped.check(os.path.exists(f"/sys/class/net/{DEVICE}"), "no network device can be made here")


def main():
    dumped.begin()
    make_device()
    try:
        tree = dumped.python(PROGRAM)
        dumped.await_true("the program", lambda: os.path.exists("ready"))
        said = tree.dump()
        dumped.check(not said, "the dump went through")
        for words in ("for the 2 reasons above", "descriptor 3 (socket:",
                      "descriptor 4 (socket:", "with --skip-in-flight what is left is lost",
                      "not read, which can't be kept"):
            dumped.check(words in said.text, f"not told: {words}\n{said.text}")
        dumped.check(tree.alive(), "the program is gone")
        said = tree.dump("--skip-in-flight")
        dumped.check(said, f"the dump failed:\n{said.text}")
        for words in ("has netlink messages that were not read; they are lost",
                      "has packets that were not read; they are lost"):
            dumped.check(words in said.text, f"not told: {words}\n{said.text}")
        words = "has an error that was not told yet; it is lost"
        dumped.check(said.text.count(words) >= 2, f"not told: {words}\n{said.text}")
        ip("delete", DEVICE)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_USERSOCK) as other:
            other.bind((tree.pid, 0))
            said = tree.restore()
            dumped.check(not said, "the restore went through")
            for words in (f"is bound to port id {tree.pid}, which another socket",
                          f"is of the network device {DEVICE}, which is not here"):
                dumped.check(words in said.text, f"not told: {words}\n{said.text}")
            tree.check_gone()
        make_device()
        tree.must_restore()
        with open("go", "w", encoding="ascii"):
            pass
        dumped.await_true("errors", lambda: system.read_text("log") == "refused\n" * 2)
        dumped.check(tree.alive(), "the program is gone")
    finally:
        ip("delete", DEVICE)


if __name__ == "__main__":
    main()
