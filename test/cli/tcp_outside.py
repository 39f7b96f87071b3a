#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An echo server that forks for each connection, with clients outside of the tree: by IPv4, by
IPv6, and by IPv4 at a listener of both. Each client sends a byte before the dump, one while there
is no server, and one behind the restore: it gets each back, in order, and no reset. Blocks go both
ways all the time at other connections. SO_REUSEADDR of the accepted ones stays. For each way to
lock the network; no lock is left.

wl: needs root
wl: areas tcp
wl: lane tcp-outside"""

import os
import select
import socket
import subprocess
import threading

import dumped

SERVER = """
import os, select, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
def serve(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    while (data := s.recv(4096)) and s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR):
        s.sendall(data)
    sys.exit()
both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
listeners = [socket.create_server(("127.0.0.1", 0)),
             socket.create_server(("::1", 0), family=socket.AF_INET6), both]
with open("ports.new", "w") as f:
    print(*[s.getsockname()[1] for s in listeners], file=f)
os.rename("ports.new", "ports")
while True:
    for listener in select.select(listeners, [], [])[0]:
        s = listener.accept()[0]
        if os.fork() == 0:
            for one in listeners:
                one.close()
            serve(s)
        s.close()
"""
HOSTS = ("127.0.0.1", "::1", "127.0.0.1")
BLOCK = 4096


class Traffic(threading.Thread):
    """Blocks there and back, without a pause."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.sock = socket.create_connection(address)
        self.blocks, self.stop, self.error = 0, False, None

    def run(self):
        try:
            while not self.stop:
                block = self.blocks.to_bytes(4, "big") * (BLOCK // 4)
                self.sock.sendall(block)
                got = self.sock.recv(BLOCK, socket.MSG_WAITALL)
                if got != block:
                    raise ValueError(f"block {self.blocks} came back as {got[:8]}…")
                self.blocks += 1
        except (OSError, ValueError) as error:
            self.error = error

    def moves(self):
        at = self.blocks
        dumped.await_true("blocks", lambda: self.error or self.blocks > at + 3)
        dumped.check(not self.error, f"the traffic broke: {self.error}")


def expect(client, text):
    client.settimeout(20)
    got = client.recv(len(text), socket.MSG_WAITALL)
    dumped.check(got == text, f"{got} instead of {text}")


def has_nothing(client):
    return not select.select([client], [], [], 0)[0]


def cycle(tree, clients, traffic, lock):
    words = ["--tcp-established", "--network-lock", lock]
    for client in clients:
        client.sendall(b"a")
        expect(client, b"a")
    tree.must_dump(*words)
    for client in clients:
        client.sendall(b"b")
        dumped.check(has_nothing(client), "something came while there was no server")
    tree.must_restore("--tcp-established")
    for client in clients:
        client.sendall(b"c")
        expect(client, b"bc")
        client.sendall(b"x" * BLOCK)
        expect(client, b"x" * BLOCK)
    for one in traffic:
        one.moves()


def main():
    dumped.begin()
    dumped.new_network()
    tree = dumped.python(SERVER)
    dumped.await_true("the server", lambda: os.path.exists("ports"))
    with open("ports", encoding="ascii") as f:
        addresses = list(zip(HOSTS, map(int, f.read().split())))
    clients = [socket.create_connection(address) for address in addresses]
    traffic = [Traffic(address) for address in addresses[:2]]
    for one in traffic:
        one.start()
        one.moves()
    for lock in ("nftables", "iptables", "nftables"):
        cycle(tree, clients, traffic, lock)
    for one in traffic:
        one.stop = True
        one.join()
        dumped.check(not one.error, f"the traffic broke: {one.error}")
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True).stdout
    dumped.check(not tables, f"a lock is left: {tables}")
    for client in clients:
        client.shutdown(socket.SHUT_WR)
        dumped.check(client.recv(1) == b"", "no end of file")
    with socket.create_connection(addresses[2]) as late:
        late.sendall(b"late")
        expect(late, b"late")


main()
