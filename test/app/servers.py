#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers with a client that stays connected: redis, memcached and nginx (master and worker, a
connection that is kept alive). Each is dumped and restored five times while the client, which is
outside of the tree, asks on through the one connection that it opened in the beginning; every
answer has to be the right one, in its order, and the connection may not break.

wl: needs root program:redis-server program:memcached program:nginx
wl: areas tcp inet-sockets"""

import os
import pathlib
import signal
import socket
import threading
import time

import cycles
from cycles import check

NGINX = """
daemon off; pid {here}/nginx.pid; error_log {here}/error.log; user root; worker_processes 1;
events {{ }}
http {{
    access_log off; keepalive_requests 1000000; keepalive_timeout 600s;
    client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
    uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
    server {{ listen 127.0.0.1:{port}; root {here}/www; }}
}}
"""


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


class Client(threading.Thread):
    """Asks until told to stop; asked() answers of a step are checked by ask(number)."""

    def __init__(self, port, ask):
        super().__init__(daemon=True)
        self.sock, self.ask = connect(port), ask
        self.file = self.sock.makefile("rb")
        self.done, self.stop, self.failure = 0, False, None

    def run(self):
        try:
            while not self.stop:
                self.ask(self.sock, self.file, self.done)
                self.done += 1
                time.sleep(0.0005)
        except Exception as failure:
            self.failure = f"{type(failure).__name__}: {failure}"


def expect(got, want):
    if got != want:
        raise ValueError(f"{got!r}, not {want!r}")


def ask_redis(sock, file, number):
    sock.sendall(b"INCR n\r\nSET k%d v%d\r\nGET k%d\r\n" % (number % 50, number, number % 50))
    expect(file.readline(), b":%d\r\n" % (number + 1))
    expect(file.readline(), b"+OK\r\n")
    file.readline()
    expect(file.readline(), b"v%d\r\n" % number)


def ask_memcached(sock, file, number):
    text = b"x" * (number % 5000)
    sock.sendall(b"set k 7 0 %d\r\n%s\r\nget k\r\n" % (len(text), text))
    expect(file.readline(), b"STORED\r\n")
    expect(file.readline(), b"VALUE k 7 %d\r\n" % len(text))
    expect(file.read(len(text) + 2), text + b"\r\n")
    expect(file.readline(), b"END\r\n")


def ask_nginx(sock, file, number):
    sock.sendall(b"GET /page-%d HTTP/1.1\r\nHost: here\r\n\r\n" % (number % 2))
    expect(file.readline(), b"HTTP/1.1 200 OK\r\n")
    length = 0
    while (line := file.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    expect(file.read(length), page(number % 2))


def page(number):
    return (b"page %d " % number) * 4000


def serve(name, argv, port, ask):
    server = cycles.App(argv)
    client = Client(port, ask)
    client.start()
    for number in range(cycles.CYCLES):
        goal = client.done + 20
        cycles.dumped.await_true(f"answers of {name}",
                                 lambda goal=goal: client.failure or client.done >= goal)
        check(not client.failure, f"{name}, after {number} cycles: {client.failure}")
        server.cycle("--tcp-established")
    goal = client.done + 20
    cycles.dumped.await_true(f"answers of {name}",
                             lambda: client.failure or client.done >= goal)
    client.stop = True
    client.join(20)
    check(not client.failure, f"{name}, in the end: {client.failure}")
    client.sock.close()
    os.kill(server.pid, signal.SIGTERM)
    server.end()


def main():
    cycles.begin()
    here = os.getcwd()
    port = free_port()
    serve("redis", ["redis-server", "--port", str(port), "--save", "", "--dir", here], port,
          ask_redis)
    port = free_port()
    serve("memcached", ["memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(port), "-U", "0"],
          port, ask_memcached)
    port = free_port()
    os.mkdir("www")
    for number in range(2):
        pathlib.Path(f"www/page-{number}").write_bytes(page(number))
    pathlib.Path("nginx.conf").write_text(NGINX.format(here=here, port=port), encoding="ascii")
    serve("nginx", ["nginx", "-c", f"{here}/nginx.conf"], port, ask_nginx)


main()
