#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# wl: areas cli-rpc task threads
# wl: needs root
"""Ids that name no process which could be dumped are told by what they are: a thread, one of the
kernel's, a zombie, a process that crtools itself runs below, nobody. So for dump, check -t, exec.
And paths that a person got wrong."""

import os
import signal
import subprocess

import dumped
from lib import system

PROGRAM = """
import os, threading, time
thread = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
thread.start()
ended = os.fork()
if not ended:
    os._exit(0)
os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
with open("ids.new", "w") as f:
    f.write(f"{thread.native_id} {ended}")
os.rename("ids.new", "ids")
time.sleep(1000)
"""


def say(text, *words):
    done = subprocess.run([dumped.TOOL, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    dumped.check(done.returncode != 0, f"{words} went well")
    dumped.check(text in done.stderr, f"{words}: {done.stderr}")
    dumped.check("Run crtools check" not in done.stderr, f"{words}: no help: {done.stderr}")


def kernel_thread():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        stat = system.read_text(f"/proc/{pid}/stat")
        if stat and int(stat.rpartition(")")[2].split()[6]) & 0x00200000:
            return pid
    return None


def roots(pid):
    with open("ids", encoding="utf-8") as f:
        tid, ended = f.read().split()
    os.makedirs("images")
    kthread = kernel_thread()
    for how in ["dump", "-D", "images", "-t"], ["check", "-t"], ["exec", "-t"]:
        call = ["getpid"] if how[0] == "exec" else []
        say(f"{tid} is a thread of process {pid}", *how, tid, *call)
        say(f"give -t {pid}", *how, tid, *call)
        say(f"process {ended} has ended already", *how, ended, *call)
        say("there is no process 4194303", *how, "4194303", *call)
        if kthread:
            say(f"{kthread} is a thread of the kernel (", *how, kthread, *call)
    say("can't be dumped from within", "dump", "-D", "images", "-t", str(os.getpid()))
    say("can't be dumped from within", "dump", "-D", "images", "-t", "1")
    dumped.check(not os.listdir("images"), f"left behind: {os.listdir('images')}")


def paths(pid):
    open("plain", "w", encoding="utf-8").close()
    for words, text in [
        (["-o", "nowhere/log"], "the log file nowhere/log can't be opened"),
        (["-o", "."], "the log file . can't be opened"),
        (["-W", "plain"], "the work directory plain can't be changed to"),
        (["-D", "plain"], "the images directory plain can't be opened"),
        (["--freeze-cgroup", "/nowhere"], "the cgroup /nowhere of --freeze-cgroup"),
    ]:
        say(text, "dump", "-D", "images", "-t", pid, *words)
    say("the images directory plain can't be opened", "show", "-D", "plain")
    say("crtools check --all lists all", "check", "--feature", "nothing-of-the-kind")


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ids"))
    roots(tree.pid)
    paths(str(tree.pid))
    dumped.check(system.process_state(tree.pid) == "S", "the tree was touched")
    tree.finish(signal.SIGKILL)


main()
