#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restore in a control group that allows too few tasks, or too little memory: it fails with what
ran out, nothing of the tree is left, and the same images restore outside of that group.

wl: needs root
wl: areas task"""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test", "cli"))
import dumped  # noqa: E402
from dumped import check, fail, skip, system  # noqa: E402, F401

TREE = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        time.sleep(1000)
memory = bytearray(os.urandom(1 << 20)) * 40
open("ready~", "w").close(); os.rename("ready~", "ready")
time.sleep(1000)
"""

# For each limit: where it may be, and what the tool has to say. The kernel may choose the tool
# itself when it has to kill somebody.
LIMITS = (
    ("pids", (("/sys/fs/cgroup/pids", "pids.max"), ("/sys/fs/cgroup", "pids.max")), "4",
     ("Raise the limit (ulimit, cgroup)",)),
    ("memory", (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                ("/sys/fs/cgroup", "memory.max")), "20M",
     ("memory of a cgroup or of the machine was used up",)),
)


def make_group(places, value):
    """In the first hierarchy that has the limit; None if none has."""
    for top, name in places:
        group = f"{top}/crtools-test-{os.getpid()}"
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            with open(f"{group}/{name}", "w", encoding="ascii") as file:
                file.write(value)
            for swap, limit in (("memory.swap.max", "0"), ("memory.memsw.limit_in_bytes", value)):
                if name.startswith("memory") and os.path.exists(f"{group}/{swap}"):
                    with open(f"{group}/{swap}", "w", encoding="ascii") as file:
                        file.write(limit)
            return group
        except OSError:
            os.rmdir(group)
    return None


def restore_in(group, tree):
    return subprocess.run(["/bin/sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh",
                           dumped.TOOL, "restore", "-D", tree.images, "-d"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def main():
    dumped.begin()
    groups = [(name, make_group(places, value), words) for name, places, value, words in LIMITS]
    if not any(group for _, group, _ in groups):
        skip("control groups with limits of tasks or memory")
    try:
        tree = dumped.python(TREE)
        dumped.await_true("the program's start", lambda: os.path.exists("ready"))
        tree.must_dump()
        for name, group, words in groups:
            if not group:
                continue
            done = restore_in(group, tree)
            said = done.stdout + done.stderr
            check(done.returncode != 0, f"{name}: the restore was not limited:\n{said}")
            check(done.returncode < 0 or any(word in said for word in words),
                  f"{name}: it does not say what ran out:\n{said}")
            tree.check_gone()

            def empty():
                system.reap()
                with open(f"{group}/cgroup.procs", encoding="ascii") as file:
                    return not file.read()
            dumped.await_true(f"{name}: the end of all in the group", empty)
        subprocess.run([dumped.TOOL, "clean"], check=True, stdout=subprocess.DEVNULL)
        tree.must_restore()
        check(len(system.descendants(tree.pid)) == 5, "children are missing")
        tree.end()
    finally:
        for _, group, _ in groups:
            if group:
                os.rmdir(group)


main()
