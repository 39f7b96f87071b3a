#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A restore in a control group that allows too few tasks, or too little memory, wherever in the
tree that shows: it fails with what ran out, by the group's and the limit's name, nothing of the
tree is left, and the same images restore outside of that group. A dump that has too little memory
there says so, too, and its tree goes on.

wl: needs root
wl: areas task"""

import glob
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test", "cli"))
import dumped  # noqa: E402
from dumped import check, fail, skip, system  # noqa: E402, F401

TREE = """
import os, threading, time
def live():
    memory = bytearray(os.urandom(1 << 20)) * 8
    for _ in range(2):
        threading.Thread(target=time.sleep, args=(1000,)).start()
    open(f"ready-{os.getpid()}", "w").close()
    time.sleep(1000)
for _ in range(2):
    if os.fork() == 0:
        if os.fork() == 0:
            live()
        live()
live()
"""
PROCESSES, TASKS = 5, 15
MEGABYTES = 8 * PROCESSES

# For each limit: where it may be, the values, and what the tool has to say. The kernel may choose
# the tool itself when it has to kill somebody. Any number of tasks leaves too few, as the tool is
# one; of the memory, a part goes to the tree's own page tables and to the tool.
LIMITS = (
    ("pids", (("/sys/fs/cgroup/pids", "pids.max"), ("/sys/fs/cgroup", "pids.max")),
     [str(n) for n in range(1, TASKS + 1)], ("Raise the limit (ulimit, cgroup)",)),
    ("memory", (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                ("/sys/fs/cgroup", "memory.max")), [f"{n}M" for n in range(4, MEGABYTES, 6)],
     ("memory.limit_in_bytes", "memory.max")),
)


def make_group(places):
    """In the first hierarchy that has the limit: the folder, and the limit's name."""
    for top, name in places:
        group = f"{top}/crtools-test-{os.getpid()}"
        try:
            os.mkdir(group)
        except OSError:
            continue
        if os.path.exists(f"{group}/{name}"):
            return group, name
        os.rmdir(group)
    return None, None


def set_limit(group, name, value):
    """Also of swap, in an order that no value forbids: what both take is never less than one."""
    steps = [(name, value), ("memory.swap.max", "0")]
    if name == "memory.limit_in_bytes":
        memsw = "memory.memsw.limit_in_bytes"
        steps = [(memsw, "-1"), (name, value), (memsw, value)]
    for file, number in steps:
        if os.path.exists(f"{group}/{file}"):
            with open(f"{group}/{file}", "w", encoding="ascii") as f:
                f.write(number)


def run_in(group, *words):
    return subprocess.run(["/bin/sh", "-c", f'echo $$ >{group}/cgroup.procs && exec "$@"', "sh",
                           dumped.TOOL, *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def dumps_in(group, name, tree, pids):
    """From as little as the tool can't start with; more than half of them are ended by the kernel,
    which says nothing."""
    told = 0
    for kib in range(400, 3000, 100):
        set_limit(group, name, f"{kib}K")
        os.makedirs("few", exist_ok=True)
        done = run_in(group, "dump", "-D", "few", "-t", str(tree.pid), "-R")
        said = done.stdout + done.stderr
        check(done.returncode <= 0 or done.returncode > 125 or f"({name})" in said,
              f"dump with {kib}K: status {done.returncode}: {said}")
        told += done.returncode == 1
        subprocess.run([dumped.TOOL, "clean"], check=True, stdout=subprocess.DEVNULL)
        for pid in pids:
            dumped.await_true(f"{pid} goes on", lambda pid=pid: system.process_state(pid) in "SR")
    print(f"dumps: {told} have told")


def check_limited(tree, pids, group, context, words):
    done = run_in(group, "restore", "-D", tree.images, "-d")
    said = done.stdout + done.stderr
    check(done.returncode != 0, f"{context}: the restore was not limited:\n{said}")
    check(done.returncode < 0 or any(word in said for word in words),
          f"{context}: it does not say what ran out:\n{said}")
    check(done.returncode < 0 or "pids" in context or group in said,
          f"{context}: it does not say where:\n{said}")

    def gone():
        system.reap()
        with open(f"{group}/cgroup.procs", encoding="ascii") as file:
            return not file.read() and not any(map(system.exists, pids))
    dumped.await_true(f"{context}: the end of all in the group", gone)


def main():
    dumped.begin()
    groups = [(*make_group(places), values, words) for _, places, values, words in LIMITS]
    if not any(group for group, *_ in groups):
        skip("control groups with limits of tasks or memory")
    try:
        tree = dumped.python(TREE)
        dumped.await_true("the program's start", lambda: len(glob.glob("ready-*")) == PROCESSES)
        pids = [tree.pid, *system.descendants(tree.pid)]
        for group, name, *_ in groups:
            if group and name.startswith("memory"):
                dumps_in(group, name, tree, pids)
        tree.must_dump()
        for group, name, values, words in groups:
            for value in values if group else ():
                set_limit(group, name, value)
                check_limited(tree, pids, group, f"{name} of {value}", words)
        subprocess.run([dumped.TOOL, "clean"], check=True, stdout=subprocess.DEVNULL)
        tree.must_restore()
        check(sorted(pids) == sorted([tree.pid, *system.descendants(tree.pid)]),
              "processes are missing")
        tree.end()
    finally:
        for group, *_ in groups:
            if group:
                os.rmdir(group)


main()
