#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory that is saved while the agent visits its process: no page in the images differs from what
the process has afterwards, neither where the agent's foothold was. A dump that fails meanwhile
leaves nothing of it in the folder.

wl: needs root
wl: areas memory"""

import json
import os
import subprocess

import dumped

PAGE = 4096
CHILDREN = 8
HOLDER = f"""
import os, threading, time
kept = os.urandom(2 << 20)
pids = []
for _ in range({CHILDREN}):
    pid = os.fork()
    if not pid:
        pids = []
        break
    pids.append(pid)
threads = [threading.Thread(target=time.sleep, args=(1000,), daemon=True) for _ in range(16)]
for thread in threads:
    thread.start()
os.write(1, b"ready\\n")
time.sleep(1000)
"""


def entries(images, name):
    said = subprocess.run([dumped.TOOL, "show", "--json", "-f", os.path.join(images, name)],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(said.stdout)["entries"]


def compare(images, pid):
    """All pages of a process; how many there are."""
    head, *extents = entries(images, f"pagemap-{pid}.img")
    total = 0
    with open(os.path.join(images, f"pages-{head['pages_id']}.img"), "rb") as saved, \
            open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for extent in extents:
            start, count = int(str(extent["vaddr"]), 0), int(extent["nr_pages"])
            for page in range(start, start + count * PAGE, PAGE):
                memory.seek(page)
                dumped.check(saved.read(PAGE) == memory.read(PAGE),
                             f"process {pid}: page {page:x} is not as it was saved")
            total += count
    return total


def main():
    dumped.begin()
    # Of a registered restartable sequence the kernel changes the processor's number.
    os.environ["GLIBC_TUNABLES"] = "glibc.pthread.rseq=0"
    tree = dumped.python(HOLDER)
    dumped.await_true("the tree", lambda: open("log", "rb").read().count(b"ready") == CHILDREN + 1)
    os.environ["CRTOOLS_FAULT"] = "dump-absorb"
    dumped.check(not tree.dump("-R"), "a dump that was made to fail did not")
    left = [name for name in os.listdir(tree.images) if name.endswith(".img") or name[0] == "."]
    dumped.check(not left, f"a dump that failed left {left}")
    del os.environ["CRTOOLS_FAULT"]
    for _ in range(3):
        tree.must_dump("-R")
        for pid in [tree.pid, *dumped.system.descendants(tree.pid)]:
            count = compare(tree.images, pid)
            dumped.check(count > 100, f"process {pid}: only {count} pages were saved")
    tree.must_dump()
    tree.must_restore()
    dumped.check(len(dumped.system.descendants(tree.pid)) == CHILDREN, "not all came back")


main()
