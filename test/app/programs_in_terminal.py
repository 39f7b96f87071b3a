#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Interactive programs in a terminal that their tree brings along: script(1) runs a shell in it,
in which python3 -i, less and vim are dumped and restored one after the other. Each goes on where it
was: variables, the page, the text that was not written yet.

wl: needs root program:bash program:script program:less program:vim
wl: lane tty
wl: areas tty
wl: idle"""

import os
import subprocess
import tempfile

import terminal
from lib import system
from terminal import TOOL, Terminal, check


def cycle(root):
    tree = [root] + system.descendants(root)
    with tempfile.TemporaryDirectory() as images:
        for verb, words in (("dump", ["-t", str(root), "--shell-job"]),
                            ("restore", ["-d", "--shell-job", "--restore-sibling"])):
            done = subprocess.run([TOOL, verb, "-D", images, "-o", f"{verb}.log", "-v4", *words],
                                  stdin=cycle.tty.slave, capture_output=True, text=True,
                                  timeout=60, check=False)
            check(done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}")
            for one in tree if verb == "dump" else ():
                terminal.await_gone(one)


def main():
    system.become_subreaper()
    os.chdir(os.environ["TESTDIR"])
    with open("page", "w", encoding="ascii") as f:
        f.write("".join(f"line {i}\n" for i in range(1000)))
    tty = cycle.tty = Terminal(24, 80)
    # script(1) hands the command to $SHELL, of which some keep PS1 and some drop it.
    root = tty.start(["script", "-q", "-c",
                      "PS1='ready> ' exec bash --norc --noprofile --noediting -i", "typescript"])
    tty.expect("ready> ")

    tty.type("python3 -i -q\n")
    tty.expect(">>> ")
    tty.type("kept = 40\n")
    tty.expect(">>> ")
    cycle(root)
    tty.type("print('sum', kept + 2)\n")
    tty.expect("sum 42")
    tty.type("exit()\n")
    tty.expect("ready> ")

    tty.type("less page\n")
    tty.expect("line 22")
    cycle(root)
    tty.type(" ")
    tty.expect("line 45")
    tty.type("q")
    tty.expect("ready> ")

    tty.type("vim -u NONE -n text\n")
    tty.expect("~")
    tty.type("ifirst part,")
    tty.read(0.5)
    cycle(root)
    tty.type(" second part\x1b:wq\r")
    tty.expect("ready> ")
    check(system.read_text("text") == "first part, second part\n", "vim lost its text")
    tty.type("exit\n")
    _, status = os.waitpid(root, 0)
    check(os.WIFEXITED(status), f"script ended with {status}")


main()
