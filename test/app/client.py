# SPDX-License-Identifier: Apache-2.0
"""For the scripts beside: a client of a server that is dumped and restored. It stays outside of the
tree, and asks on through the one connection that it opened in the beginning; every answer has to be
the right one, in its order, and the connection may not break."""

import socket
import threading
import time

import cycles
from cycles import check


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(port):
    def there():
        nonlocal sock
        try:
            sock = socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            return False
        return True

    sock = None
    cycles.dumped.await_true("the server", there)
    return sock


def expect(got, want):
    if got != want:
        raise ValueError(f"{got!r}, not {want!r}")


def read_page(file):
    """The body of an HTTP answer, which has to be a good one."""
    expect(file.readline(), b"HTTP/1.1 200 OK\r\n")
    length = 0
    while (line := file.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return file.read(length)


class Client(threading.Thread):
    """Asks until told to stop: ask(socket, its file, number of the question)."""

    def __init__(self, port, ask):
        super().__init__(daemon=True)
        self.sock, self.ask = connect(port), ask
        self.file = self.sock.makefile("rb")
        self.done, self.stop, self.failure = 0, False, None
        self.start()

    def run(self):
        try:
            while not self.stop:
                self.ask(self.sock, self.file, self.done)
                self.done += 1
                time.sleep(0.0005)
        except Exception as failure:
            self.failure = f"{type(failure).__name__}: {failure}"

    def await_answers(self, when, count=20):
        """So many more."""
        goal = self.done + count
        cycles.dumped.await_true(f"answers, {when}", lambda: self.failure or self.done >= goal)
        check(not self.failure, f"{when}: {self.failure}")

    def finish(self):
        self.stop = True
        self.join(20)
        check(not self.failure, f"in the end: {self.failure}")
        self.sock.close()


def under_load(name, server, clients, *words, times=cycles.CYCLES):
    """Dumps and restores the server while they ask."""
    for number in range(times):
        for client in clients:
            client.await_answers(f"{name}, after {number} cycles")
        server.cycle("--tcp-established", *words)
    for client in clients:
        client.await_answers(f"{name}, in the end")
        client.finish()
