#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The root of a tree, and a thread of it, asked for a signal at the death of their parent. With
restore -d crtools, which would be that parent, ends at once: the tree lives, has no such signal,
and the restore warns of it. Without -d crtools is the parent, and the signal is what it was; with
--restore-sibling, too.

wl: needs root
wl: areas signals task cli-rpc"""

import os
import signal
import subprocess

import dumped
from dumped import check, system

PROGRAM = r"""
import ctypes, signal, threading
libc = ctypes.CDLL(None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
def death_signal():
    number = ctypes.c_int(-1)
    libc.prctl(2, ctypes.byref(number), 0, 0, 0)
    return number.value
def other():
    libc.prctl(1, signal.SIGKILL, 0, 0, 0)
    asked.wait()
    seen.append(death_signal())
    told.set()
asked, told, seen = threading.Event(), threading.Event(), []
threading.Thread(target=other, daemon=True).start()
libc.prctl(1, signal.SIGUSR2, 0, 0, 0)
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
asked.set()
told.wait()
print("has", death_signal(), seen[0], flush=True)
signal.sigwait([signal.SIGTERM])
"""
WARNING = "at its parent's death"


def says(tree, text):
    os.kill(tree.pid, signal.SIGTERM)
    dumped.await_true(text, lambda: text in system.read_text(tree.log))


def attached(tree):
    """A restore without -d."""
    log = os.path.join(tree.images, "attached.log")
    proc = subprocess.Popen([dumped.TOOL, "restore", "-D", tree.images, "-o", log, "-v4"],
                            stdin=subprocess.DEVNULL, start_new_session=True)
    dumped.await_true("the restore's end", lambda: "Tasks resumed" in (system.read_text(log) or ""))
    says(tree, f"has {signal.SIGUSR2:d} {signal.SIGKILL:d}")
    check(WARNING not in system.read_text(log), "a warning without -d")
    proc.kill()
    proc.wait()
    dumped.await_true("the tree's end by its parent's", lambda: not tree.alive())


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program's start", lambda: "ready" in system.read_text(tree.log))
    tree.must_dump()
    said = tree.restore()
    check(said and said.text.count(WARNING) >= 2, f"no warnings: {said.text[-2000:]}")
    says(tree, "has 0 0")
    tree.end()
    said = tree.restore("--restore-sibling")
    check(said and WARNING not in said.text, f"with --restore-sibling: {said.text[-2000:]}")
    says(tree, f"has {signal.SIGUSR2:d} {signal.SIGKILL:d}")
    tree.end()
    attached(tree)


main()
