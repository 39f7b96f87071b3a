#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A network whose rules let only tracked packets pass, those of new and of established
connections, and drop all others: connections whose ends are in the tree, of both versions of IP,
and one to a peer outside, go on behind a dump and a restore; also where the kernel has forgotten
all connections in between, as another host would.

wl: needs root
wl: areas tcp"""

import os
import socket
import struct
import subprocess

import dumped

RULES = """
table inet tracked {
	chain in {
		type filter hook input priority 10; policy drop
		ct state established accept
		ct state new %s accept
		counter name "dropped"
	}
	chain out {
		type filter hook output priority 10; policy drop
		ct state new,established accept
		counter name "dropped"
	}
	counter dropped { }
}
"""
PROGRAM = """
import os, socket, time
pairs = []
for host in ("127.0.0.1", "::1"):
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else
                                    socket.AF_INET)
    a = socket.create_connection(listener.getsockname()[:2])
    pairs.append((a, listener.accept()[0]))
out = socket.create_connection(("127.0.0.1", PORT))
open("ready", "w").close()
done = 0
while True:
    byte = out.recv(1)
    if not byte:
        break
    for a, b in pairs:
        for x, y in ((a, b), (b, a)):
            x.sendall(b"x" * 5000)
            assert y.recv(5000, socket.MSG_WAITALL) == b"x" * 5000
    out.sendall(byte)
"""


def nft(*argv, text=None):
    done = subprocess.run(["nft", *argv], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    dumped.check(done.returncode == 0, f"nft: {done.stdout}")
    return done.stdout


def forget():
    """All connections that the kernel tracks: IPCTNL_MSG_CT_DELETE of nfnetlink_conntrack.h."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:
        netlink.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, 5, 1, 0, 0, 0, 0))
        error, = struct.unpack_from("=i", netlink.recv(4096), 16)
        dumped.check(error == 0, f"can't make the kernel forget connections: {error}")


def echo(client, byte):
    client.sendall(byte)
    client.settimeout(20)
    dumped.check(client.recv(1) == byte, "no answer from the tree")


def main():
    dumped.begin()
    dumped.new_network()
    nft("-f", "-", text=RULES % "tcp flags syn / syn,ack")
    listener = socket.create_server(("127.0.0.1", 0))
    tree = dumped.python(PROGRAM.replace("PORT", str(listener.getsockname()[1])))
    client = listener.accept()[0]
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    echo(client, b"1")
    for byte in (b"2", b"3"):
        tree.must_dump("--tcp-established")
        tree.must_restore("--tcp-established")
        echo(client, byte)
    rules = nft("list", "table", "inet", "tracked")
    dumped.check("packets 0 bytes 0" in rules, f"packets were dropped: {rules}")
    tree.must_dump("--tcp-established")
    # Without a rule that asks for it, the kernel tracks nothing, and forgets.
    nft("delete", "table", "inet", "tracked")
    forget()
    nft("-f", "-", text=RULES % "")
    tree.must_restore("--tcp-established")
    echo(client, b"4")
    print("4 answers")


main()
