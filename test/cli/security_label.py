#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The label that AppArmor has given a process: one that is not confined comes back so; one that is,
is refused by a tool of another label, by name and before the fork, and comes back by a tool of the
same label. For this no profile is needed, which would want a compiler: a policy namespace has its
own "unconfined". Wants a machine with AppArmor to itself: test/guest/run 6.12+apparmor --
cli/security_label.

wl: needs root guest apparmor
wl: areas security"""

import os
import signal
import subprocess

import dumped
from dumped import TOOL, check
from lib import system

SPACE = "/sys/kernel/security/apparmor/policy/namespaces/other"


def change():
    with open("/proc/self/attr/current", "w", encoding="ascii") as f:
        f.write("changeprofile :other:unconfined")


def label(pid):
    return system.read_text(f"/proc/{pid}/attr/current").rstrip("\n\0")


def begin(prepare=None):
    log = open("log", "ab")
    proc = subprocess.Popen(["sleep", "1000"], start_new_session=True, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, preexec_fn=prepare)
    proc.returncode = 0
    dumped.await_true("sleep", lambda: system.read_text(f"/proc/{proc.pid}/comm") == "sleep\n")
    return proc.pid


def tool(prepare, *words):
    done = subprocess.run([TOOL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, preexec_fn=prepare)
    return done.returncode == 0, done.stdout


def dump(prepare, pid, images):
    os.mkdir(images)
    done, said = tool(prepare, "dump", "-t", str(pid), "-D", images, "-o", "dump.log")
    check(done, said + system.read_text(f"{images}/dump.log"))
    os.waitpid(pid, 0)


def restore(prepare, images):
    done, said = tool(prepare, "restore", "-d", "-D", images, "-o", "restore.log", "-v4")
    return done, said + system.read_text(f"{images}/restore.log")


def end(pid):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


dumped.begin()
subprocess.run(["mount", "-t", "securityfs", "securityfs", "/sys/kernel/security"],
               stderr=subprocess.DEVNULL)
os.mkdir(SPACE)

pid = begin()
plain = label(pid)
check(plain == "unconfined", f"an ordinary process is {plain}")
dump(None, pid, "free")
done, said = restore(None, "free")
check(done, said)
check(label(pid) == plain, f"after the restore it is {label(pid)}")
end(pid)

pid = begin(change)
known = label(pid)
check(known.startswith(":other:"), f"the process is not in the namespace but {known}")
dump(None, pid, "confined")
done, said = restore(None, "confined")
check(not done and 'had the security label ":other:' in said, f"not refused by the label: {said}")
check(not system.exists(pid), "a refused restore left a process")
check("restore-fork" not in said, "refused after the fork")

# A tool in that namespace sees the label that it has itself.
pid = begin(change)
dump(change, pid, "same")
done, said = restore(change, "same")
check(done, said)
check(label(pid) == known, f"after the restore it is {label(pid)}, before {known}")
end(pid)
