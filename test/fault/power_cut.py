#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The power goes off in the middle of a dump: what a disk held at instants all over dumps, while
its file system was written back, is mounted as after a crash. There is either no image set that a
restore would accept, or the whole one, byte by byte.

The disk is a file in memory. It is copied twice in a row: where both are equal, this is what it
held between the two.

CRTOOLS_TEST_CUTS says how many instants, CRTOOLS_TEST_SEED repeats a series.

wl: needs root program:mkfs.ext4 program:losetup
wl: areas cli-rpc
wl: timeout 600"""

import ctypes
import filecmp
import mmap
import os
import random
import shutil
import subprocess
import sys
import threading
import time

import survivors
from survivors import TOOL, check, run

SIZE = 24 << 20
CUTS = int(os.environ.get("CRTOOLS_TEST_CUTS", 50))
DISK, COPY = "/run/disk", "/run/copy"
PROGRAM = """
import os, time
memory = os.urandom(3 << 20)
print("ready", flush=True)
time.sleep(10000)
"""
libc = ctypes.CDLL(None, use_errno=True)


def must(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, f"{' '.join(words)}: {done.stdout}")


class Disk:
    def __init__(self):
        with open(DISK, "r+b") as f:
            self.map = mmap.mmap(f.fileno(), SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        self.held = bytearray(SIZE)  # fresh memory at each instant would take longer than to copy

    def hold(self):
        """What it held at one instant, until the next; None: it was written all the time."""
        for _ in range(20):
            self.held[:] = memoryview(self.map)
            if self.held == self.map:
                return self.held
        return None


class Writeback:
    """Data of new files stay in memory for half a minute, if nobody asks for them on the disk: so
    somebody does, from a moment of the dump on."""

    def __init__(self, folder, delay):
        self.folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.thread = threading.Thread(target=self.run, args=(delay,))
        self.thread.start()

    def run(self, delay):
        time.sleep(delay)
        libc.syncfs(self.folder)

    def end(self):
        self.thread.join()
        os.close(self.folder)


def files_of(folder):
    return sorted(name for name in os.listdir(folder) if name.endswith(".img"))


def judge(held, whole, context):
    """Mounts it, and looks. True: there is a set."""
    with open(COPY, "r+b") as f:
        f.write(held)
    must("mount", "-t", "ext4", "-o", "loop", COPY, "/run/after")
    try:
        images = "/run/after/images"
        if not os.path.isdir(images):
            return False
        if run("restore", "-D", images, "--plan", "-o", "/run/log")[0]:
            return False
        names = files_of(whole)
        _, different, missing = filecmp.cmpfiles(whole, images, names, shallow=False)
        check(names == files_of(images) and not different and not missing,
              f"{context}: a restore accepts {files_of(images)}, of which {different} "
              f"and {missing} are not as they have to be")
        return True
    finally:
        must("umount", "/run/after")


def clear():
    """Until the disk has no set either: that of the last round would be taken for another's."""
    shutil.rmtree("/run/before/images")
    folder = os.open("/run/before", os.O_RDONLY | os.O_DIRECTORY)
    check(libc.syncfs(folder) == 0, "syncfs failed")
    os.close(folder)


def dump_and_cut(tree, disk, when, chance):
    """A dump; what the disk held at that moment, and the set as it is in the end."""
    os.mkdir("/run/before/images")
    writeback = Writeback("/run/before", chance.random() * when)
    proc = subprocess.Popen([TOOL, "dump", "-t", str(tree), "-R", "-D", "/run/before/images"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)
    time.sleep(when)
    held = disk.hold()
    said = proc.communicate(timeout=60)[1]
    check(proc.returncode == 0, said)
    writeback.end()
    return held


def main():
    survivors.begin()
    for folder in ("before", "after"):
        os.mkdir(f"/run/{folder}")
    for path in (DISK, COPY):
        with open(path, "wb") as f:
            f.truncate(SIZE)
    must("mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=4", DISK)
    must("mount", "-t", "ext4", "-o", "loop,commit=1", DISK, "/run/before")
    tree = survivors.start_holder(PROGRAM)
    seed = int(os.environ.get("CRTOOLS_TEST_SEED", time.time()))
    print(f"seed {seed}")
    chance = random.Random(seed)
    sets = seen = 0
    try:
        os.mkdir("/run/before/images")
        span = survivors.measured("dump", "-t", str(tree.pid), "-R", "-D", "/run/before/images")
        clear()
        disk = Disk()
        for number, when in enumerate(survivors.instants(CUTS, 2 * span)):
            held = dump_and_cut(tree.pid, disk, when, chance)
            if held:
                seen += 1
                sets += judge(held, "/run/before/images", f"cut {number}, at {when * 1e6:.0f} us")
            clear()
        check(seen > CUTS / 2, f"the disk was seen only {seen} times")
        print(f"{seen} cuts, {sets} whole sets; a dump takes {span * 1e6:.0f} us")
    finally:
        tree.kill()
        must("umount", "/run/before")


try:
    main()
except KeyboardInterrupt:
    sys.exit(130)
