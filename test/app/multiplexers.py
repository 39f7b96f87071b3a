#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tmux and screen: the server is dumped and restored with the programs in its windows while nobody
is attached (a shell with a variable and half a command line, top, a program in the background that
prints). Whoever attaches afterwards finds the screens as they were, and can type on; the server
makes new windows.

wl: needs root program:bash program:tmux program:screen program:top
wl: lane tty
wl: areas tty unix-sockets
wl: idle"""

import os
import subprocess
import tempfile

import terminal
from lib import system
from terminal import TOOL, Terminal, await_gone, await_true, check

ENVIRONMENT = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}


def size(path):
    return os.stat(path).st_size if os.path.exists(path) else 0


def cycle(root):
    tree = [root] + system.descendants(root)
    with tempfile.TemporaryDirectory() as images:
        for verb, words in (("dump", ["-t", str(root)]), ("restore", ["-d", "--restore-sibling"])):
            done = subprocess.run([TOOL, verb, "-D", images, "-o", f"{verb}.log", "-v4", *words],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=60, check=False)
            check(done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}")
            for one in tree if verb == "dump" else ():
                await_gone(one)


def call(*argv):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=ENVIRONMENT, timeout=20, check=False)
    check(done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


def program(name, text):
    with open(name, "w", encoding="ascii") as f:
        f.write(f"#!/bin/sh\n{text}\n")
    os.chmod(name, 0o755)
    return os.path.abspath(name)


def attach(*argv):
    tty = Terminal(24, 80)
    tty.pid = tty.start(argv, ENVIRONMENT)
    return tty


class Multiplexer:
    """start opens a session, again attaches to it, number asks for the server's process."""

    def __init__(self, prefix, start, again, number):
        self.prefix, self.again = prefix, again
        self.tty = attach(*start)
        self.tty.expect("ready> ")
        self.root = number()

    def command(self, key):
        self.tty.type(self.prefix + key)

    def set_up(self):
        self.tty.type("kept=value; (while sleep 0.1; do echo tick; done >ticks) & "
                      "echo begun-$((1+1))\n")
        self.tty.expect("begun-2")
        self.command("c")
        self.tty.expect("ready> ")
        self.tty.type("top -d 0.5\n")
        self.tty.expect("load average")
        self.command("0")
        self.type_ahead()

    def type_ahead(self):
        self.tty.type("echo typed-")
        self.tty.expect("typed-")

    def leave(self):
        self.command("d")
        os.waitpid(self.tty.pid, 0)
        self.tty.close()

    def cycle(self):
        self.leave()
        cycle(self.root)
        ticks = size("ticks")
        self.tty = attach(*self.again)
        self.tty.expect("typed-")
        self.tty.type("$kept-ahead\n")
        self.tty.expect("typed-value-ahead")
        self.tty.expect("ready> ")
        self.command("1")
        self.tty.expect("load average")
        self.tty.type("h")
        self.tty.expect("Cumulative mode")
        self.tty.type("q")
        self.tty.expect("load average")
        self.command("c")
        self.tty.expect("ready> ")
        self.tty.type("echo new-$((1+1))\n")
        self.tty.expect("new-2")
        self.tty.type("exit\n")
        self.command("0")
        self.type_ahead()
        await_true("ticks of the job in the background", lambda: size("ticks") > ticks)

    def end(self):
        self.tty.type("\x15kill %1; exit\n")
        self.command("1")
        self.tty.expect("load average")
        self.tty.type("q")
        self.tty.expect("ready> ")
        self.tty.type("exit\n")
        os.waitpid(self.tty.pid, 0)
        await_gone(self.root)


def main():
    system.become_subreaper()
    os.chdir(os.environ["TESTDIR"])
    ENVIRONMENT["SCREENDIR"] = os.path.abspath("screens")
    os.mkdir("screens", 0o700)
    ENVIRONMENT["SHELL"] = program("shell", "PS1='ready> ' exec bash --norc --noprofile "
                                            "--noediting -i")
    with open("tmux.conf", "w", encoding="ascii") as f:
        f.write("set -g assume-paste-time 0\n")  # what comes fast is typed all the same
    tmux = ["tmux", "-S", os.path.abspath("tmux"), "-f", "tmux.conf"]
    screen = ["screen", "-c", "/dev/null"]
    for one in (Multiplexer("\x02", [*tmux, "new-session"], [*tmux, "attach"],
                            lambda: int(call(*tmux, "display-message", "-p", "#{pid}"))),
                Multiplexer("\x01", [*screen, "-S", "here"], [*screen, "-r", "here"],
                            lambda: int(os.listdir("screens")[0].split(".")[0]))):
        one.set_up()
        for _ in range(3):
            one.cycle()
        one.end()


main()
