#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A hardened machine: kernel.yama.ptrace_scope = 2 and 3, no userfaultfd for those without
privileges, processes of others not to be seen in /proc (hidepid). What can't be is refused with the
setting by name, as check -t has foretold; all else works.
Changes settings of the whole machine, so it wants one of its own: test/guest/run KERNEL --
cli/hardened.

wl: needs root guest
wl: areas cli-rpc arch"""

import os
import shutil
import signal
import subprocess

import dumped
from dumped import TOOL, check
from lib import system

UID = 23456
SCOPE = "/proc/sys/kernel/yama/ptrace_scope"


def setting(path, value):
    with open(path, "w", encoding="ascii") as f:
        f.write(value)


def tool(caps, *words):
    done = subprocess.run([TOOL, "--no-default-config", *words], cwd="/",
                          preexec_fn=lambda: system.ordinary_user(UID, caps) if caps else None,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def fresh():
    shutil.rmtree("images", ignore_errors=True)
    os.mkdir("images")
    os.chmod("images", 0o777)
    return os.path.abspath("images")


def victim():
    proc = subprocess.Popen(["sleep", "1000"], start_new_session=True, cwd="/",
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL,
                            preexec_fn=lambda: system.ordinary_user(UID))
    proc.returncode = 0
    return proc


def refused(caps, pid, words):
    foretold, told = tool(caps, "check", "-t", str(pid))
    done, said = tool(caps, "dump", "-t", str(pid), "-D", fresh())
    check(not foretold and words in told, f"{words} is not named by check -t: {told}")
    check(not done and words in said, f"{words} is not named by dump: {said}")
    check(system.read_text(f"/proc/{pid}/stat").split()[2] == "S", "the process is not as before")


def both_ways(caps, pid):
    foretold, told = tool(caps, "check", "-t", str(pid))
    check(foretold, told)
    done, said = tool(caps, "dump", "-t", str(pid), "-D", fresh())
    check(done, said)
    os.waitpid(pid, 0)
    done, said = tool(caps, "restore", "-d", "-D", os.path.abspath("images"))
    check(done, said)


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def yama():
    was = system.read_text(SCOPE)
    setting(SCOPE, "2")
    pid = victim().pid
    dumped.await_true("sleep", lambda: system.read_text(f"/proc/{pid}/comm") == "sleep\n")
    refused(["checkpoint_restore"], pid, "kernel.yama.ptrace_scope = 2")
    said = tool(["checkpoint_restore"], "check")[1]
    check("kernel.yama.ptrace_scope" in said, f"check does not tell of it: {said}")
    both_ways(["checkpoint_restore", "sys_ptrace"], pid)
    end(pid)
    setting(SCOPE, was)


def hidden():
    """Root, and an ordinary user with his own processes, see enough; one that a user does not see
    is not there for him."""
    subprocess.run(["mount", "-o", "remount,hidepid=2", "/proc"], check=True)
    pid = victim().pid
    dumped.await_true("sleep", lambda: system.read_text(f"/proc/{pid}/comm") == "sleep\n")
    both_ways([], pid)
    both_ways(["checkpoint_restore"], pid)
    end(pid)
    other = subprocess.Popen(["sleep", "1000"], start_new_session=True, stdin=subprocess.DEVNULL)
    other.returncode = 0
    done, said = tool(["checkpoint_restore"], "dump", "-t", str(other.pid), "-D", fresh())
    check(not done and "hidepid" in said, f"the reason is not named by dump: {said}")
    end(other.pid)
    subprocess.run(["mount", "-o", "remount,hidepid=0", "/proc"], check=True)


def nobody():
    """Until the next boot, so it comes last."""
    setting(SCOPE, "3")
    pid = victim().pid
    dumped.await_true("sleep", lambda: system.read_text(f"/proc/{pid}/comm") == "sleep\n")
    refused([], pid, "kernel.yama.ptrace_scope = 3")
    refused(["checkpoint_restore", "sys_ptrace"], pid, "kernel.yama.ptrace_scope = 3")
    end(pid)


os.chmod(".", 0o755)
system.become_subreaper()
setting("/proc/sys/vm/unprivileged_userfaultfd", "0")
yama()
hidden()
nobody()
