#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many threads, of which most have all in common with their process, and some each one thing not:
what a dump learns of them from the kernel's memory is, byte by byte, what it learns from /proc
where the kernel's memory can't be read (bpf answered with EPERM, by seccomp). A thread with a
namespace of its own is found, and refused, both ways. Restored, each still has what was its own.

wl: needs root seccomp x86_64
wl: areas cli-rpc threads"""

import errno
import filecmp
import glob
import os
import re
import subprocess
import time

import dumped
from dumped import TOOL, check
from lib import system
from missing_calls import filtered

BPF = 321
THREADS = 48

PROGRAM = """
import ctypes, os, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
barrier = threading.Barrier(THREADS + 1)
over = threading.Event()
wrong = []

def must(ret):
    if ret:
        os._exit(9)

def field(name):
    with open("/proc/thread-self/status") as f:
        return dict(line.split(":", 1) for line in f)[name].strip()

class Filter(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("code", ctypes.c_void_p)]

def named():
    must(libc.prctl(15, b"new\\\\line\\n", 0, 0, 0))
    return lambda: open("/proc/thread-self/comm", "rb").read() == b"new\\\\line\\n\\n"

def no_new_privs():
    must(libc.prctl(38, 1, 0, 0, 0))
    return lambda: field("NoNewPrivs") == "1"

def filtering():
    allow = ctypes.create_string_buffer(b"\\x06\\0\\0\\0\\0\\0\\xff\\x7f", 8)
    if sys.argv[1] == "filtered":
        must(libc.prctl(22, 2, ctypes.byref(Filter(1, ctypes.addressof(allow))), 0, 0))
    return lambda: (field("Seccomp") == "2") == (sys.argv[1] == "filtered")

def flusher():
    may = libc.prctl(57, 1, 0, 0, 0) == 0  # with CAP_SYS_RESOURCE
    return lambda: not may or libc.prctl(58, 0, 0, 0, 0) == 1

def lesser():
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)(0, 1 << 4, 0, 0, 0, 0)
    must(libc.capset(head, none))
    return lambda: (field("CapPrm"), field("CapEff")) == ("0000000000000010", "0" * 16)

def other_user():
    must(libc.syscall(117, 12, 12, 12))
    return lambda: field("Uid").split() == ["12"] * 4

def signalled():
    signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
    return lambda: field("SigPnd") == "0000000000000200"

def other_namespace():
    must(libc.unshare(0x04000000) if sys.argv[1] == "apart" else 0)
    return lambda: True

def parent():
    child = os.fork()
    while not child:
        signal.pause()

    def still():
        os.kill(child, signal.SIGKILL)
        return os.waitpid(child, 0) == (child, signal.SIGKILL)
    return still

def like_all():
    return lambda: (field("NoNewPrivs"), field("Seccomp"), field("SigPnd"),
                    field("Uid").split()[0]) == ("0", "0", "0" * 16, "0")

OWN = [named, no_new_privs, filtering, flusher, lesser, other_user, signalled, parent,
       other_namespace]

def run(what):
    still = what()
    barrier.wait()
    over.wait()
    if not still():
        wrong.append(what.__name__)

# Only a thread that changes nothing of others' stands beside the special ones.
threads = [threading.Thread(target=run, args=((OWN + [like_all] * THREADS)[i],))
           for i in range(THREADS)]
for t in threads:
    t.start()
barrier.wait()
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
over.set()
for t in threads:
    t.join()
print("wrong:", wrong, flush=True)
os._exit(len(wrong))
"""


def start(word):
    tree = dumped.python(PROGRAM.replace("THREADS", str(THREADS)), word)
    dumped.await_true("the program", lambda: "ready" in (system.read_text("log") or ""))
    os.truncate("log", 0)
    await_rest(tree)
    return tree


def await_rest(tree):
    """Until no thread has done anything for a moment."""
    before = []

    def rests():
        now = []
        for tid in os.listdir(f"/proc/{tree.pid}/task"):
            status = system.read_text(f"/proc/{tree.pid}/task/{tid}/status")
            now += re.findall(r"(?:State|ctxt_switches):\s*(\w+)", status)
        same, before[:] = now == before and "R" not in now, now
        time.sleep(0.02)
        return same
    dumped.await_true("rest of all threads", rests)


def dump(tree, name, prepare, *words):
    images = os.path.abspath(name)
    os.mkdir(images)
    done = subprocess.run([TOOL, "--no-default-config", "dump", "-t", str(tree.pid), "-D", images,
                           "-v4", *words], preexec_fn=prepare, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    told = re.search(r"(\d+) threads are like their first one", done.stdout)
    return done.returncode == 0, done.stdout, int(told.group(1)) if told else 0, images


def same_images(one, other):
    names = [os.path.basename(path) for path in glob.glob(one + "/*core-*.img")]
    names += [name for name in os.listdir(one)
              if name.startswith("crtools-") and "manifest" not in name]
    check(len(names) > THREADS, f"there are but {sorted(names)}")
    for name in sorted(set(names)):
        check(filecmp.cmp(f"{one}/{name}", f"{other}/{name}", shallow=False),
              f"{name} differs from what /proc shows")


def main():
    without = filtered([(BPF, None, 0, errno.EPERM)])
    tree = start("unfiltered")  # a tool under a filter can't suspend that of a thread
    good, said, told, by_proc = dump(tree, "proc", without, "-R")
    check(good and told == 0, f"without bpf: {told} are told\n{said[-2000:]}")
    await_rest(tree)
    good, said, told, by_memory = dump(tree, "memory", None, "-R")
    check(good, said[-2000:])
    if told == 0 and "can't be read" in said:
        dumped.skip("the kernel's memory can't be read here")
    # no_new_privs, lesser and other_user have credentials or attributes of their own.
    check(told == THREADS - 3, f"{told} of {THREADS} threads are told by the kernel's memory")
    # Nor has but one of them, or the first one, a child.
    check(f"{THREADS} threads have no children" in said, said[-2000:])
    same_images(by_proc, by_memory)
    tree.end()
    tree = start("filtered")
    tree.must_dump()
    tree.must_restore()
    status = os.waitstatus_to_exitcode(tree.finish())
    check(status == 0, f"the program ended with {status}: {system.read_text('log')}")
    apart = start("apart")
    for way, prepare in (("proc", without), ("memory", None)):
        good, said, told, _ = dump(apart, f"apart-{way}", prepare)
        check(not good and said.count("is in another uts namespace than its process") == 1,
              f"a namespace of a thread's own, by {way}: {said[-2000:]}")
    apart.end()


if __name__ == "__main__":
    dumped.begin()
    main()
