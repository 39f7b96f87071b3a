#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Root of a container: in user, pid, mount and network namespaces of his own, where the kernel does
not let /proc/PID/map_files be followed. Mapped files are found under their names, as programs that
run and among the descriptors; shared memory that has none of these is read through its mappings,
holes stay holes, and who shared it does so again. What there is no way to is refused by name, as
check -t foretells.

wl: needs root userns
wl: areas cli-rpc arch memory"""

import os
import shutil
import subprocess
import sys

if len(sys.argv) == 1:
    os.execvp("unshare", ["unshare", "-Urmpfn", "--mount-proc", sys.executable, "-B",
                          os.path.abspath(__file__), "inside"])

import dumped
from dumped import TOOL, check
from lib import system

MIB = 1 << 20
LIMIT = ("--ghost-limit", "64M")
# A child shares with its parent: what one writes the other reads. At the end both must have what
# they had, the middle of the area must not have become memory, and the two must still share.
PROGRAM = f"""
import mmap, os, signal, sys
SIZE, PAGE = 64 * {MIB}, 4096
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
area = mmap.mmap(-1, SIZE, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
area[:5] = b"begin"
area[SIZE - 3:] = b"end"
kept = open("kept", "w+b")
kept.write(b"k" * PAGE)
kept.flush()
by_descriptor = mmap.mmap(kept.fileno(), PAGE)
os.unlink("kept")
unnamed = os.memfd_create("unnamed")
os.truncate(unnamed, PAGE)
by_mapping = mmap.mmap(unnamed, PAGE)
by_mapping[:4] = b"memo"
os.close(unnamed)
if sys.argv[1:] == ["lost"]:
    with open("lost", "w+b") as file:
        file.write(b"l" * PAGE)
        file.flush()
        lost = mmap.mmap(file.fileno(), PAGE)
    os.unlink("lost")
# mmap keeps descriptors of its own.
for fd in os.listdir("/proc/self/fd"):
    path = "/proc/self/fd/" + fd
    name = os.readlink(path) if os.path.islink(path) else ""
    if "/lost" in name or "memfd:unnamed" in name:
        os.close(int(fd))
child = os.fork()
def good():
    pages = sum(int(line.split()[1]) for line in open("/proc/self/smaps") if line[:4] == "Pss:")
    return area[:5] == b"begin" and area[SIZE - 3:] == b"end" and by_mapping[:4] == b"memo" and \\
        by_descriptor[:] == b"k" * PAGE and pages < 32 * 1024
if not child:
    signal.sigwait([signal.SIGUSR1])
    area[SIZE // 2] = 7 if good() else 1
    by_mapping[5] = 8
    os._exit(0)
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
os.kill(child, signal.SIGUSR1)
os.waitpid(child, 0)
sys.exit(42 if good() and area[SIZE // 2] == 7 and by_mapping[5] == 8 else 1)
"""


def program(*args):
    tree = dumped.Tree([os.path.abspath("merged/python"), "-I", "-S", "-c", PROGRAM, *args])
    dumped.await_true("the program", lambda: "ready" in (system.read_text("log") or ""))
    os.unlink("log")
    return tree


def check_tree(pid, *words):
    done = subprocess.run([TOOL, "check", "-t", str(pid), *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode == 0, done.stdout


def kept():
    tree = program()
    # The file of the program has no name either.
    os.unlink("merged/python")
    check(*check_tree(tree.pid, *LIMIT))
    tree.must_dump(*LIMIT)
    size = sum(os.path.getsize(os.path.join(tree.images, name)) for name in os.listdir(tree.images))
    check(size < 32 * MIB, f"holes were saved: the images have {size} bytes")
    tree.must_restore()
    status = os.waitstatus_to_exitcode(tree.finish())
    check(status == 42, f"after the restore the program ended with {status}")


def refused():
    tree = program("lost")
    os.mkdir("lost-images")
    tree.folder = os.path.abspath("lost-images")
    good, told = check_tree(tree.pid)
    said = tree.dump()
    for text in (told, said.text):
        check("/lost" in text and "map_files" in text and "CAP_CHECKPOINT_RESTORE" in text,
              f"the mapping, or its cure, is not named: {text}")
    check(not good and not said, "a mapping that nothing leads to was not refused")


def overlay():
    """As containers have it: stat and maps show other devices of it, before Linux 6.8."""
    for name in ("lower", "upper", "work", "merged"):
        os.mkdir(name)
    shutil.copy(os.path.realpath(sys.executable), "lower/python")
    done = subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                           "lowerdir=lower,upperdir=upper,workdir=work,userxattr", "merged"],
                          stderr=subprocess.DEVNULL)
    if done.returncode:  # before Linux 5.11 not for root of a user namespace
        shutil.copy("lower/python", "merged/python")


dumped.begin()
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", os.getcwd()], check=True)
os.chdir(os.getcwd())
overlay()
refused()
kept()
# That this is a place as it is meant to be.
lacks = subprocess.run([TOOL, "check", "--feature", "map_files"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL).returncode
check(lacks != 0, "map_files can be followed here")
