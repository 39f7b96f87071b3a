#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Terminals whose masters are outside of the tree, one of them the controlling terminal, in raw
mode, declared by --external and replaced through --inherit-fd: data passes, and the new master's
end is told by SIGHUP. Refused by name without either option. An index that is in use is refused
with its holder.

wl: needs root
wl: lane tty
wl: areas tty cli-rpc"""

import os
import pty
import signal
import sys
import termios
import tty

import dumped
from lib import system

PROGRAM = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(int(sys.argv[1]), termios.TIOCSCTTY, 0)
got = []
signal.signal(signal.SIGHUP, lambda *_: os._exit(9))
ready = os.fdopen(int(sys.argv[-1]), "w")
ready.write("ready")
ready.close()
while True:
    for fd in map(int, sys.argv[1:-1]):
        text = os.read(fd, 100)
        os.write(fd, text.upper())
"""
COUNT = 10


def key(slave):
    st = os.fstat(slave)
    return f"tty[{st.st_rdev:x}:{st.st_dev:x}]"


def pairs():
    made = [pty.openpty() for _ in range(COUNT)]
    for _, slave in made:
        tty.setraw(slave)
    return made


def start(slaves):
    reading, writing = os.pipe()
    argv = [sys.executable, "-I", "-S", "-c", PROGRAM, *map(str, slaves), str(writing)]
    tree = dumped.Tree(argv, pass_fds=[*slaves, writing])
    os.close(writing)
    dumped.check(os.read(reading, 10) == b"ready", "the program did not start")
    os.close(reading)
    return tree


def talk(masters):
    for number, master in enumerate(masters):
        os.write(master, b"text %d" % number)
        got = os.read(master, 100)
        dumped.check(got == b"TEXT %d" % number, f"terminal {number} gave {got}")


def main():
    dumped.begin()
    first = pairs()
    tree = start([slave for _, slave in first])
    talk([master for master, _ in first])
    said = tree.dump()
    dumped.check(not said and "--external" in said.text and key(first[0][1]) in said.text,
                 f"a dump without --external: {said.text}")
    keys = [key(slave) for _, slave in first]
    tree.must_dump(*[word for one in keys for word in ("--external", one)])

    said = tree.restore()
    dumped.check(not said and "--inherit-fd" in said.text and keys[0] in said.text,
                 f"a restore without --inherit-fd: {said.text}")
    second = pairs()
    words = []
    for one, (_, slave) in zip(keys, second):
        words += ["--inherit-fd", f"fd[{slave}]:{one}"]
    tree.must_restore("--restore-sibling", *words, pass_fds=[slave for _, slave in second])
    for master, slave in first:
        os.close(master)
        os.close(slave)
    for _, slave in second:
        dumped.check(not termios.tcgetattr(slave)[3] & termios.ICANON, "the modes are not raw")
        os.close(slave)
    talk([master for master, _ in second])
    dumped.check(system.read_text(f"/proc/{tree.pid}/stat").rpartition(")")[2].split()[4] != "0",
                 "there is no controlling terminal")
    for master, _ in second:
        os.close(master)
    status = system.wait_child(tree.pid, 20)
    dumped.check(status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 9,
                 f"after the end of the masters it ended with {status}")
    check_taken()


TAKEN = """
import os, pty, sys, time
ends = pty.openpty()
os.write(int(sys.argv[1]), os.ttyname(ends[1]).encode())
os.close(int(sys.argv[1]))
time.sleep(1000)
"""


def check_taken():
    reading, writing = os.pipe()
    tree = dumped.Tree([sys.executable, "-I", "-S", "-c", TAKEN, str(writing)], pass_fds=[writing])
    os.close(writing)
    name = os.read(reading, 100).decode()
    os.close(reading)
    tree.number = 2
    tree.must_dump()
    held = []
    while name not in [os.ttyname(slave) for _, slave in held]:
        held.append(pty.openpty())
    said = tree.restore()
    dumped.check(not said and name in said.text and f"process {os.getpid()}" in said.text,
                 f"a restore with {name} in use: {said.text}")
    for ends in held:
        os.close(ends[0])
        os.close(ends[1])
    tree.must_restore("--restore-sibling")
    os.kill(tree.pid, signal.SIGKILL)
    system.wait_child(tree.pid, 20)


main()
