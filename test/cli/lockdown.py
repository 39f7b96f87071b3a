#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""On a kernel that is locked down for confidentiality nobody reads the kernel's own memory. What is
kept without is kept; what needs it is refused, with the lockdown as the reason; check foretells it.
Wants such a machine: test/guest/run 6.12+lockdown -- cli/lockdown.

wl: needs root guest lockdown
wl: areas cli-rpc arch"""

import os
import subprocess

import dumped
from dumped import TOOL, check
from lib import system

# A listener with a connection that has not been accepted, and data on it.
WAITING = """
import os, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener.bind("name")
listener.listen(4)
{client}
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
{check}
"""
CLIENT = """
client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
client.connect("name")
client.sendall(b"early")
"""
ACCEPT = """
server, _ = listener.accept()
assert server.recv(9) == b"early"
"""
REASON = "locked down for confidentiality"


def run(name, client, accept):
    os.mkdir(name)
    os.chdir(name)
    tree = dumped.python(WAITING.format(client=client, check=accept))
    dumped.await_true("the program", lambda: "ready" in system.read_text(tree.log), 60)
    return tree


dumped.begin()
told = subprocess.run([TOOL, "check", "--all"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, text=True).stdout
check("locked down" in told, f"check does not tell of it: {told}")

tree = run("plain", "", "")
tree.must_dump()
tree.must_restore()
check(tree.finish() == 0, system.read_text(tree.log))

tree = run("with_data", CLIENT, ACCEPT)
said = tree.dump()
check(not said, "data that nobody could read was dumped")
check(REASON in said.text, f"refused, but not for the lockdown: {said.text[-3000:]}")
foretold = subprocess.run([TOOL, "check", "-t", str(tree.pid)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
check(foretold.returncode and REASON in foretold.stdout, f"check -t: {foretold.stdout}")
check(tree.finish() == 0, system.read_text(tree.log))
