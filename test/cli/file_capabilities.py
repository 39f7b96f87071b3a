#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A tool with file capabilities, started by an ordinary user: the kernel hides such a process from
its own user as it does a set-uid one. The user's pipeline is dumped and restored all the same, and
nothing of the tool's capabilities is left to it.

wl: needs root program:setcap
wl: areas creds pipes"""

import os
import shutil
import subprocess

import dumped
from lib import system

UID = 43210


def run(words):
    done = subprocess.run(["../tool", *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, user=UID, group=UID, extra_groups=[])
    dumped.check(done.returncode == 0, f"{words}: {done}")


def reachable(path):
    while path != "/":
        os.chmod(path, os.stat(path).st_mode & 0o7777 | 0o111)
        path = os.path.dirname(path)


def capabilities(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return [line.split() for line in f if line.startswith(("CapInh", "CapPrm", "CapEff",
                                                               "CapAmb"))]


def main():
    dumped.begin()
    reachable(os.getcwd())
    shutil.copy(dumped.TOOL, "tool")
    subprocess.run(["setcap", "cap_checkpoint_restore,cap_sys_ptrace+ep", "tool"], check=True)
    os.mkdir("user")
    os.chown("user", UID, UID)
    os.chdir("user")
    with open("log", "wb"):
        os.chown("log", UID, UID)
    tree = dumped.Tree(["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups",
                        "--inh-caps=-all", "sh", "-c",
                        "exec 9>&-; (while :; do echo x; sleep .01; done) | cat | "
                        "(read x; : > ready; cat > taken); :"])
    dumped.await_true("the pipeline", lambda: os.path.exists("ready"))
    before = sorted([tree.pid, *system.descendants(tree.pid)])
    os.mkdir("images", 0o700)
    os.chown("images", UID, UID)
    run(["dump", "-t", str(tree.pid), "-D", "images"])
    dumped.await_true("the end of the dumped tree", lambda: system.reap() or not tree.alive())
    size = os.stat("taken").st_size
    run(["restore", "-d", "-D", "images"])
    dumped.await_true("more lines through the pipeline", lambda: os.stat("taken").st_size > size)
    # The loop's sleep may have ended and another begun.
    after = [tree.pid, *system.descendants(tree.pid)]
    dumped.check(len(set(before) & set(after)) >= len(before) - 1, f"{before} became {after}")
    for pid in after[:3]:
        for name, value in capabilities(pid):
            dumped.check(int(value, 16) == 0, f"process {pid} has {name} {value}")
        dumped.check(os.stat(f"/proc/{pid}/fd").st_uid == UID, f"process {pid} is not dumpable")


main()
