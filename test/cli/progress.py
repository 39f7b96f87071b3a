#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The progress line: on a terminal, for work of over a second, and wiped at the end; nothing when
standard error is a pipe, when the work is short, and with --json. So that the work takes over a
second, the one who does it is stopped in the middle of it for so long.

wl: needs root
wl: areas cli-rpc
"""

import glob
import os
import pty
import re
import select
import signal
import subprocess
import time

import dumped
from lib import system

PROGRAM = """
import os, time
memory = os.urandom(1 << 20) * 384
open("ready", "w").close()
time.sleep(1000)
"""
MIB = 1 << 20


def drain(fd):
    text = b""
    while select.select([fd], [], [], 0.05)[0]:
        try:
            chunk = os.read(fd, 65536)
        except OSError:  # nobody has the other side of the terminal any more
            break
        if not chunk:
            break
        text += chunk
    return text.decode()


def pages_bytes(folder):
    """Of the memory image that is being written: until the end it is in a hidden folder."""
    return sum(os.stat(name).st_blocks * 512 for name in
               glob.glob(f"{folder}/pages-*.img") + glob.glob(f"{folder}/.*/pages-*.img"))


def dumper(tool, _):
    return tool.pid


def filler(tool, pid):
    return pid if pid in system.descendants(tool.pid) else None


def resident(pid):
    text = system.read_text(f"/proc/{pid}/statm")
    return int(text.split()[1]) * 4096 if text else 0


def run(words, stall, begun, pid, terminal, folder):
    """Standard error of one run. stall(tool, pid) is who is stopped once begun() is true."""
    outer, inner = pty.openpty() if terminal else os.pipe()
    tool = subprocess.Popen([dumped.TOOL, *words, "-D", folder], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=inner)
    os.close(inner)
    stopped = None
    while stall and tool.poll() is None and not stopped:
        who = stall(tool, pid)
        if who and begun(who):
            os.kill(who, signal.SIGSTOP)
            stopped = who
            time.sleep(1.3)
            os.kill(who, signal.SIGCONT)
    out = tool.communicate()[0]
    text = drain(outer)
    os.close(outer)
    dumped.check(tool.returncode == 0, f"{words}: status {tool.returncode}: {text}")
    dumped.check(stopped or not stall, f"{words}: it was over before it could be stopped")
    return text, out


def check_line(text, what):
    pattern = rf"\r{what}: [\d.]+ [MG]iB of [\d.]+ [MG]iB, \d+ %(, \d+ s left)?\x1b\[K"
    dumped.check(re.search(pattern, text), f"no progress line '{what}' in {text!r}")
    dumped.check(text.endswith("\r\x1b[K"), f"the line was not wiped: {text!r}")


def dump(tree, number, *words, terminal=True, stall=True):
    folder = f"images-{number}"
    os.mkdir(folder)
    said = run(["dump", "-R", "-t", str(tree.pid), *words], dumper if stall else None,
               lambda _: 16 * MIB < pages_bytes(folder) < 300 * MIB, tree.pid, terminal, folder)
    tree.images = folder
    return said


def restore(tree, *words, terminal=True):
    os.kill(tree.pid, signal.SIGKILL)
    dumped.await_true("the end of the tree", lambda: (system.reap(), not tree.alive())[1])
    return run(["restore", "-d", *words], filler,
               lambda pid: resident(pid) > 32 * MIB, tree.pid, terminal, tree.images)


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    text, _ = dump(tree, 1)
    check_line(text, "Saving memory")
    text, _ = dump(tree, 2, terminal=False)
    dumped.check(text == "", f"through a pipe: {text!r}")
    text, out = dump(tree, 3, "--json")
    dumped.check(text == "" and out.startswith(b"{"), f"with --json: {text!r} {out!r}")
    text, _ = restore(tree)
    check_line(text, "Restoring memory")
    text, _ = restore(tree, terminal=False)
    dumped.check(text == "", f"through a pipe: {text!r}")
    tree.end()
    tree = dumped.Tree(["/bin/sleep", "1000"])
    text, _ = dump(tree, 4, stall=False)
    dumped.check(text == "", f"of short work: {text!r}")


main()
