#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A session of ssh: sshd is dumped and restored with all of it (its helper of the session, a shell
in a terminal with a job and half a command line) while the client stays connected, outside. The
client goes on typing; a command that streams through a second session loses no byte; sshd takes new
sessions, and one that ends is told of.

wl: needs root program:sshd program:ssh program:ssh-keygen
wl: lane tty
wl: areas tcp tty unix-sockets
wl: idle"""

import os
import shutil
import subprocess

import cycles
import terminal
from client import free_port
from cycles import check, dumped

CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {here}/host
AuthorizedKeysFile {here}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
PrintMotd no
PrintLastLog no
"""


def ssh(port, *words):
    return ["ssh", "-F", "/dev/null", "-i", "user", "-p", str(port), "-o", "BatchMode=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=known", "-o",
            "LogLevel=ERROR", *words, "root@127.0.0.1"]


def set_up(port):
    os.makedirs("/run/sshd", exist_ok=True)  # a /run of our own
    for name in ("host", "user"):
        cycles.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name])
    with open("sshd_config", "w", encoding="ascii") as f:
        f.write(CONFIG.format(here=os.getcwd(), port=port))
    server = cycles.App([shutil.which("sshd"), "-D", "-e", "-f", f"{os.getcwd()}/sshd_config"])
    dumped.await_true("the server", lambda: subprocess.run(
        ssh(port) + ["true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0)
    return server


def main():
    cycles.begin()
    port = free_port()
    server = set_up(port)
    tty = terminal.Terminal(24, 80)
    client = tty.start([*ssh(port, "-t"), "exec env PS1='ready> ' bash --norc --noprofile -i"])
    tty.expect("ready> ")
    tty.type("kept=value; sleep 1000 & echo begun-$((1+1))\n")
    tty.expect("begun-2")
    with subprocess.Popen(
            [*ssh(port), f"i=0; while [ $i -lt 3000 ]; do printf '%1000d' $i; i=$((i+1)); "
             "[ $((i % 10)) = 0 ] && sleep 0.005; done"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as stream:
        for _ in range(cycles.CYCLES):
            tty.type("echo typed-")
            tty.expect("typed-")
            server.cycle("--tcp-established")
            tty.type("$kept-ahead\n")
            tty.expect("typed-value-ahead")
        data = stream.communicate(timeout=60)[0]
    check(data == b"".join(b"%1000d" % i for i in range(3000)) and stream.returncode == 0,
          f"{len(data)} bytes came, and then status {stream.returncode}")
    tty.type("kill %1; wait %1; exit 7\n")
    _, status = os.waitpid(client, 0)
    check(os.waitstatus_to_exitcode(status) == 7, f"ssh ended with {status}")
    said = cycles.run([*ssh(port), "echo again"])
    check(said == b"again\n", f"a new session says {said}")
    tty.close()
    server.end()


main()
