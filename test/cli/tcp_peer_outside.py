#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A connection whose peer is outside of the tree: an echo server is dumped and restored many times
while its client sends numbered records at full rate; what comes back has no gap and nothing twice.
When all is over no lock is left.

wl: needs root
wl: areas tcp"""

import os
import socket
import struct
import subprocess
import threading

import dumped

CYCLES = 20
SERVER = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
open("port", "w").write("%d\\n" % listener.getsockname()[1])
s, _ = listener.accept()
while data := s.recv(65536):
    s.sendall(data)
"""


class Client:
    """Sends numbers of eight bytes from one thread, and compares them in another."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.stop = False
        self.sent = self.received = 0
        self.failure = None
        self.threads = [threading.Thread(target=self.run, args=(f,), daemon=True)
                        for f in (self.send, self.receive)]
        for t in self.threads:
            t.start()

    def run(self, work):
        try:
            work()
        except OSError as e:
            self.failure = str(e)

    def send(self):
        while not self.stop:
            count = 1000
            self.socket.sendall(struct.pack(f"<{count}Q", *range(self.sent, self.sent + count)))
            self.sent += count
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self):
        rest = b""
        while data := self.socket.recv(1 << 16):
            data = rest + data
            count = len(data) // 8
            rest = data[count * 8:]
            want = tuple(range(self.received, self.received + count))
            if struct.unpack(f"<{count}Q", data[:count * 8]) != want:
                self.failure = f"behind record {self.received} comes another than the next"
                return
            self.received += count

    def moves(self):
        """More records come back than now, and none was wrong."""
        now = self.received
        dumped.await_true("more records", lambda: self.failure or self.received > now + 1000)
        dumped.check(not self.failure, self.failure)


def locks():
    """The tables of the lock that name this connection's kind."""
    done = subprocess.run(["nft", "list", "tables"], stdout=subprocess.PIPE, text=True, check=True)
    return {line for line in done.stdout.splitlines() if "CRIU-" in line}


def main():
    dumped.begin()
    before = locks()
    tree = dumped.python(SERVER)
    dumped.await_true("the server", lambda: os.path.exists("port") and
                      open("port", encoding="ascii").read().endswith("\n"))
    with open("port", encoding="ascii") as f:
        client = Client(int(f.read()))
    client.moves()
    for _ in range(CYCLES):
        tree.must_dump("--tcp-established")
        tree.must_restore("--tcp-established")
        client.moves()
    client.stop = True
    for t in client.threads:
        t.join()
    dumped.check(not client.failure, client.failure)
    dumped.check(client.received == client.sent, "records are missing at the end")
    dumped.check(not locks() - before, "a lock was left behind")


main()
