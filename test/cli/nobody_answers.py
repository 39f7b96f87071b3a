#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trees with files of a server that does not answer (FUSE, here): within --timeout the dump says
which process, which file and which file system that is, and the tree runs as before. So does a
process whose exec waits for its file, or for a thread that a tracer does not let end, and one that
waits in a page fault. When the server answers again, the dump goes through.

wl: needs root fuse
wl: areas files task
wl: timeout 60
wl: idle"""

import ctypes
import os
import time

import dumped
from lib import fuse

READER = "import sys, time; f = open(sys.argv[1]); open('ready', 'w'); time.sleep(100)"
EXECUTOR = "import os, sys; open('ready', 'w'); os.execv(sys.argv[1], ['true'])"
FAULTER = """
import mmap, sys
f = open(sys.argv[1], "rb")
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
open("ready", "w")
print(m[5000])
"""
THREADED = """
import os, threading, time
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
open("ready", "w")
while not os.path.exists("go"):
    time.sleep(0.01)
os.execv("/bin/sleep", ["sleep", "1000"])
"""
PTRACE_SEIZE, PTRACE_DETACH, PTRACE_O_TRACEEXIT, WALL = 0x4206, 17, 0x40, 0x40000000
LIMIT = 1


def start(code, folder):
    tree = dumped.python(code, folder.file)
    dumped.await_true("the program's start", lambda: os.path.exists("ready"))
    os.unlink("ready")
    return tree


def status(pid, key):
    for line in dumped.system.read_text(f"/proc/{pid}/status").splitlines():
        if line.startswith(key + ":"):
            return line.split()[1]
    return None


def refused(tree, state, *words):
    """In time, with these words; nobody traces it afterwards, and it is in the same state."""
    began = time.monotonic()
    said = tree.dump("--timeout", str(LIMIT))
    took = time.monotonic() - began
    dumped.check(not said, "the dump went through")
    dumped.check(took < LIMIT + 4, f"the dump gave up after {took:.1f} s")
    for word in words:
        dumped.check(word in said.text, f"no {word!r} in:\n{said.text}")
    dumped.check(status(tree.pid, "TracerPid") == "0", "it is traced still")
    dumped.check(status(tree.pid, "State") == state, status(tree.pid, "State"))


def checked(tree, *words):
    """check -t comes back, too, and says so."""
    done = dumped.subprocess.run([dumped.TOOL, "check", "-t", str(tree.pid), "--timeout", "1"],
                                 stdout=dumped.subprocess.PIPE, stderr=dumped.subprocess.STDOUT,
                                 text=True, timeout=10, check=False)
    for word in words:
        dumped.check(word in done.stdout, f"no {word!r} in:\n{done.stdout}")


def opened(folder):
    tree = start(READER, folder)
    folder.hush(fuse.GETATTR)
    words = (f"task {tree.pid}, {folder.file}: is on a file system whose server has not answered",
             f"(fuse.silent at {folder.path})")
    refused(tree, "S", *words)
    checked(tree, *words)
    folder.hush()
    tree.must_dump("--timeout", str(LIMIT))
    tree.must_restore()
    tree.end()


def executed(folder):
    folder.hush(fuse.READ)
    tree = start(EXECUTOR, folder)
    dumped.await_true("the exec", lambda: folder.asked)
    refused(tree, "S", f"can't attach to thread {tree.pid}: process {tree.pid} (",
            "has been in execve(2) for 1 s")
    folder.hush()


def held(folder):
    """exec ends the other threads; this one stops on its way out."""
    tree = start(THREADED, folder)
    tid = next(int(t) for t in os.listdir(f"/proc/{tree.pid}/task") if int(t) != tree.pid)
    libc = ctypes.CDLL(None, use_errno=True)
    dumped.check(libc.ptrace(PTRACE_SEIZE, tid, None, ctypes.c_void_p(PTRACE_O_TRACEEXIT)) == 0,
                 f"ptrace: {os.strerror(ctypes.get_errno())}")
    with open("go", "w", encoding="ascii"):
        os.waitpid(tid, WALL)
    said = tree.dump("--timeout", str(LIMIT))
    dumped.check(not said and f"process {tree.pid} (" in said.text and
                 "has been in execve(2) for 1 s" in said.text, said.text)
    dumped.check(status(tree.pid, "TracerPid") == "0", "it is traced still")
    libc.ptrace(PTRACE_DETACH, tid, None, None)
    dumped.await_true("the exec", lambda: os.readlink(f"/proc/{tree.pid}/exe").endswith("sleep"))
    tree.must_dump()
    tree.must_restore()
    tree.end()


def touched(folder):
    folder.hush(fuse.READ)
    tree = start(FAULTER, folder)
    dumped.await_true("the page fault", lambda: folder.asked)
    refused(tree, "D", f"thread {tree.pid} does not stop")
    folder.hush(fuse.READ, fuse.GETATTR)
    checked(tree, f"task {tree.pid}, {folder.file}: is on a file system whose server")
    folder.hush()


def main():
    dumped.begin()
    with open("/bin/true", "rb") as f:
        program = f.read()
    for run in opened, executed, held, touched:
        os.mkdir(run.__name__)
        os.chdir(run.__name__)
        os.mkdir("mount")
        folder = fuse.Folder(os.path.abspath("mount"), program)
        try:
            run(folder)
        finally:
            folder.end()
            os.chdir("..")


main()
