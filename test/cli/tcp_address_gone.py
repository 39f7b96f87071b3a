#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A connection whose address the host has no more is refused before the fork, with its name and the
cure; when the address is there again, it goes on.

wl: needs root
wl: areas tcp"""

import os
import socket
import subprocess

import dumped

SERVER = """
import socket
listener = socket.create_server(("10.78.0.1", 7000))
s, _ = listener.accept()
listener.close()
open("ready", "w").close()
while data := s.recv(100):
    s.sendall(data)
"""


def address(verb):
    subprocess.run(["ip", "address", verb, "10.78.0.1/32", "dev", "lo"], check=True)


def connect():
    try:
        return socket.create_connection(("10.78.0.1", 7000), 20)
    except ConnectionRefusedError:
        return None


def main():
    dumped.begin()
    dumped.new_network()
    address("add")
    tree = dumped.python(SERVER)
    clients = []
    dumped.await_true("a connection", lambda: clients.append(connect()) or clients[-1])
    client = clients[-1]
    dumped.await_true("the server", lambda: os.path.exists("ready"))
    tree.must_dump("--tcp-established")
    address("del")
    said = tree.restore("--tcp-established")
    dumped.check(not said, "it was restored without its address")
    for part in ("(10.78.0.1:7000)", "has an address that this host does not have",
                 "ip address add"):
        dumped.check(part in said.text, f"{part} is not in: {said.text}")
    tree.check_gone()
    address("add")
    tree.must_restore("--tcp-established")
    client.sendall(b"hello")
    dumped.check(client.recv(100) == b"hello", "no echo")


main()
