#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""With few privileges each dump and each restore works, or is refused before it has changed
anything, with what it lacks by name; and check foretells which, of the machine and of the tree.

wl: needs root userns
wl: areas cli-rpc arch"""

import ctypes
import os
import shutil
import signal
import subprocess
import time

import dumped
from dumped import TOOL, check
from lib import system

PR_CAPBSET_DROP, LAST_CAP = 24, 40
# What engines leave to a container.
CONTAINER = ("chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
             "net_bind_service", "net_raw", "sys_chroot", "mknod", "audit_write", "setfcap")
NUMBERS = {"chown": 0, "dac_override": 1, "fowner": 3, "fsetid": 4, "kill": 5, "setgid": 6,
           "setuid": 7, "setpcap": 8, "net_bind_service": 10, "net_raw": 13, "sys_chroot": 18,
           "sys_ptrace": 19, "mknod": 27, "audit_write": 29, "setfcap": 31,
           "checkpoint_restore": 40}
UID = 23456
libc = ctypes.CDLL(None, use_errno=True)


def user(*caps):
    return lambda: system.ordinary_user(UID, caps)


def container(*more):
    """Root, whose exec leaves it with these capabilities."""
    kept = {NUMBERS[name] for name in CONTAINER + more}

    def prepare():
        for cap in range(LAST_CAP + 1):
            if cap not in kept:
                libc.prctl(PR_CAPBSET_DROP, cap, 0, 0, 0)
    return prepare


# Name, privileges, those of the victim where they are others, is a dump possible, is a restore;
# words of the refusals.
RIGHTS = "CAP_CHECKPOINT_RESTORE"
CASES = [
    ("user", user(), None, True, False, RIGHTS),
    ("user with CAP_SYS_PTRACE", user("sys_ptrace"), None, True, False, RIGHTS),
    ("user with CAP_CHECKPOINT_RESTORE", user("checkpoint_restore"), None, True, True, RIGHTS),
    ("user with both", user("checkpoint_restore", "sys_ptrace"), user(), True, True, ""),
    ("user, and a process of root", user("checkpoint_restore"), lambda: None, False, None,
     "CAP_SYS_PTRACE"),
    ("container", container(), None, True, False, RIGHTS),
    ("container with CAP_CHECKPOINT_RESTORE", container("checkpoint_restore"), None, True, True,
     ""),
    ("container with both", container("checkpoint_restore", "sys_ptrace"), user(), True, True, ""),
]


def tool(prepare, *words, prefix=()):
    done = subprocess.run([*prefix, TOOL, "--no-default-config", *words], preexec_fn=prepare,
                          cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def victim(prepare, argv=("sleep", "1000")):
    proc = subprocess.Popen(argv, preexec_fn=prepare, start_new_session=True, cwd="/",
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    dumped.await_true("sleep", lambda: "nanosleep" in
                      (system.read_text(f"/proc/{proc.pid}/wchan") or "nanosleep") and
                      (system.read_text(f"/proc/{proc.pid}/comm") or "").strip() == "sleep")
    proc.returncode = 0
    return proc.pid


def fresh(name):
    shutil.rmtree(name, ignore_errors=True)
    os.mkdir(name)
    os.chmod(name, 0o777)
    return os.path.abspath(name)


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def gone(pid):
    dumped.await_true("the dumped process", lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)


def try_dump(name, prepare, target, good, words, prefix=()):
    """True if the dump was made."""
    images = fresh("images")
    foretold, told = tool(prepare, "check", "-t", str(target), prefix=prefix)
    done, said = tool(prepare, "dump", "-t", str(target), "-D", images, prefix=prefix)
    check(done == good, f"{name}: dump: {said}")
    check(foretold == good, f"{name}: check -t foretold something else: {told}\nthe dump: {said}")
    if not good:
        check(words in said and words in told, f"{name}: {words} is not named:\n{said}\n{told}")
        check(system.read_text(f"/proc/{target}/stat").split()[2] == "S", f"{name}: not as before")
    return good


def try_restore(name, prepare, target, good, words, prefix=()):
    """Of images that are there."""
    done, said = tool(prepare, "restore", "-d", "-v4", "-D", os.path.abspath("images"),
                      prefix=prefix)
    check(done == good, f"{name}: restore: {said}")
    if good:
        check(system.read_text(f"/proc/{target}/comm") == "sleep\n", f"{name}: is not there")
        end(target)
    else:
        check(words in said, f"{name}: {words} is not named:\n{said}")
        check("restore-fork" not in said, f"{name}: refused after the fork only:\n{said}")
        check(not os.path.exists(f"/proc/{target}"), f"{name}: something is left behind")


def images_by_root(target):
    images = fresh("images")
    done, said = tool(None, "dump", "-t", str(target), "-D", images)
    check(done, said)
    subprocess.run(["chmod", "-R", "a+rwX", images], check=True)
    gone(target)


def one(name, prepare, of_victim, can_dump, can_restore, words):
    target = victim(of_victim or prepare)
    if try_dump(name, prepare, target, can_dump, words):
        gone(target)
    elif can_restore is None:
        end(target)
        return
    else:
        images_by_root(target)
    try_restore(name, prepare, target, can_restore, words)
    # What check says of the machine is about processes of one's own.
    looks_good, said = tool(prepare, "check")
    check(looks_good == (can_dump and can_restore), f"{name}: check foretold: {said}")
    check(looks_good or words in said, f"{name}: {words} is not named: {said}")


def in_user_namespace():
    """Root there has all capabilities, but none over the ids of processes outside of it."""
    name = "root in a user namespace"
    target = victim(None, ("unshare", "-U", "-r", "sleep", "1000"))
    prefix = ("nsenter", "-t", str(target), "-U", "--preserve-credentials")
    try_dump(name, None, target, True, "", prefix)
    looks_good, said = tool(None, "check", prefix=prefix)
    check(not looks_good and "user namespace" in said, f"{name}: check foretold: {said}")
    other = victim(user())
    images_by_root(other)
    try_restore(name, None, other, False, "user namespace", prefix)
    end(target)


os.chmod(".", 0o755)
system.become_subreaper()
started = time.monotonic()
for case in CASES:
    one(*case)
in_user_namespace()
print(f"{len(CASES) + 1} cases in {time.monotonic() - started:.1f} s")
