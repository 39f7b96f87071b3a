#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Servers with clients that stay connected: redis, memcached, nginx (master and workers) and
apache2 (its event and its prefork model), connections that are kept alive. Each is dumped and
restored five times while the clients ask on.

wl: needs root program:redis-server program:memcached program:nginx program:apache2
wl: areas tcp inet-sockets epoll-and-event-fds sysv-ipc
wl: idle"""

import os
import pathlib
import signal
import tempfile

import cycles
from client import Client, expect, free_port, read_page, under_load

NGINX = """
daemon off; pid {here}/nginx.pid; error_log {here}/error.log; user root; worker_processes 2;
events {{ }}
http {{
    access_log off; keepalive_requests 1000000; keepalive_timeout 600s;
    client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
    uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
    server {{ listen 127.0.0.1:{port}; root {here}/www; }}
}}
"""

APACHE = """
ServerRoot {here}
ServerName localhost
PidFile {here}/apache.pid
ErrorLog {here}/error.log
DefaultRuntimeDir {here}
LoadModule mpm_{model}_module /usr/lib/apache2/modules/mod_mpm_{model}.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
User www-data
Group www-data
Listen 127.0.0.1:{port}
StartServers 2
MaxKeepAliveRequests 0
KeepAliveTimeout 600
DocumentRoot {here}/www
"""


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


def ask_page(sock, file, number):
    sock.sendall(b"GET /page-%d HTTP/1.1\r\nHost: here\r\n\r\n" % (number % 2))
    expect(read_page(file), page(number % 2))


def page(number):
    return (b"page %d " % number) * 4000


def serve(name, argv, port, ask, clients=1):
    server = cycles.App(argv)
    under_load(name, server, [Client(port, ask) for _ in range(clients)])
    os.kill(server.pid, signal.SIGTERM)
    server.end()


def serve_pages(here):
    os.mkdir("www")
    for number in range(2):
        pathlib.Path(f"www/page-{number}").write_bytes(page(number))
    port = free_port()
    pathlib.Path("nginx.conf").write_text(NGINX.format(here=here, port=port), encoding="ascii")
    serve("nginx", ["nginx", "-c", f"{here}/nginx.conf"], port, ask_page, 3)
    for model in ("event", "prefork"):
        port = free_port()
        pathlib.Path(f"{model}.conf").write_text(
            APACHE.format(here=here, port=port, model=model), encoding="ascii")
        serve(model, ["apache2", "-f", f"{here}/{model}.conf", "-DFOREGROUND"], port, ask_page, 3)


def main():
    cycles.begin()
    port = free_port()
    serve("redis", ["redis-server", "--port", str(port), "--save", ""], port, ask_redis)
    port = free_port()
    serve("memcached", ["memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(port), "-U", "0"],
          port, ask_memcached)
    with tempfile.TemporaryDirectory() as here:  # apache's workers are of an ordinary user
        os.chdir(here)
        os.chmod(here, 0o755)
        serve_pages(here)


main()
