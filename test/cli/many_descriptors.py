#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many descriptors of many kinds, among them some that are the same file and some of which
something is told: a dump by one thread and one by several give the same images of them, byte by
byte, and say the same, in the same order; so they do where connections are refused. Restored, each
is there with what was set.

wl: needs root
wl: areas files"""

import filecmp
import os
import re
import subprocess

import dumped
from dumped import TOOL, check
from lib import system

EACH = 80  # many enough for several threads, wherever there is more than one processor

PROGRAM = """
import fcntl, os, signal, socket
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
kept = []
listener = socket.create_server(("127.0.0.1", 0))
for i in range(EACH):
    f = os.open(f"file-{i}", os.O_RDWR | os.O_CREAT | (os.O_APPEND if i % 2 else 0))
    os.write(f, bytes(i + 1))
    os.lseek(f, i // 2, os.SEEK_SET)
    r, w = os.pipe()
    os.write(w, bytes([i]))
    e = os.eventfd(i)
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM if i % 3 else socket.SOCK_STREAM)
    a.send(bytes([i]))
    a.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, i % 5)
    c = socket.create_connection(listener.getsockname())
    s = listener.accept()[0]
    c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, i % 2)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 100 + i)
    c.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 50 + i)
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind(("127.0.0.1", 0))
    again = [os.dup(x) for x in (f, e, a.fileno(), c.fileno())] if i % 5 == 0 else []
    # A warning for some: that one is not in the tree.
    fcntl.fcntl(f, fcntl.F_SETOWN, os.getpid() if i % 7 else 1)
    kept.append((f, r, w, e, a, b, c, s, u, again))
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
wrong = []
for i, (f, r, w, e, a, b, c, s, u, again) in enumerate(kept):
    get = c.getsockopt
    good = (os.lseek(f, 0, os.SEEK_CUR) == i // 2 and os.fstat(f).st_size == i + 1 and
            fcntl.fcntl(f, fcntl.F_GETOWN) == (os.getpid() if i % 7 else 0) and
            os.read(r, 9) == bytes([i]) and
            (i == 0 or os.eventfd_read(e) == i))
    good = (good and b.recv(9) == bytes([i]) and
            a.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == i % 5 and
            get(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == i % 2 and
            get(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 100 + i and
            get(socket.IPPROTO_IP, socket.IP_TTL) == 50 + i and
            u.getsockname()[0] == "127.0.0.1")
    if again:
        os.lseek(again[0], 0, os.SEEK_SET)
        good = good and os.lseek(f, 0, os.SEEK_CUR) == 0
    c.send(b"on")
    if not good or s.recv(9) != b"on":
        wrong.append(i)
print("wrong:", wrong, flush=True)
os._exit(len(wrong))
"""
WAYS = ("--tcp-established", "--network-lock", "nftables")


def dump(tree, name, processors, words):
    """Whether it was good, and what it said."""
    images = os.path.abspath(name)
    os.mkdir(images)
    done = subprocess.run([TOOL, "--no-default-config", "dump", "-t", str(tree.pid), "-D", images,
                           "-R", *words], preexec_fn=lambda: os.sched_setaffinity(0, processors),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=100)
    return done.returncode == 0, done.stdout, images


def both(tree, name, words):
    every = os.sched_getaffinity(0)
    one = dump(tree, name + "-one", {min(every)}, words)
    several = dump(tree, name + "-several", every, words)
    check(one[:2] == several[:2], f"one thread: {one[1]}\nseveral: {several[1]}")
    return one, several


def main():
    if len(os.sched_getaffinity(0)) < 2:
        dumped.skip("there is one processor: no other thread is started")
    tree = dumped.python(PROGRAM.replace("EACH", str(EACH)))
    dumped.await_true("the program", lambda: "ready" in (system.read_text("log") or ""))
    os.truncate("log", 0)
    one, _ = both(tree, "refused", ())
    check(not one[0] and f"for the {2 * EACH} reasons" in one[1], one[1])
    one, several = both(tree, "kept", WAYS)
    check(one[0], one[1])
    told = re.findall(r"(?:and (\d+) more|descriptor \d+ .*): its signals go to 1,", one[1])
    check(sum(int(more or 1) for more in told) == (EACH + 6) // 7, one[1])
    names = [name for name in os.listdir(one[2])
             if name.startswith(("fdinfo-", "files", "crtools-files", "pipes-data", "unixsk"))]
    check(len(names) >= 4, f"there are but {sorted(names)}")
    for name in names:
        check(filecmp.cmp(f"{one[2]}/{name}", f"{several[2]}/{name}", shallow=False),
              f"{name} differs between one thread and several")
    tree.must_dump(*WAYS)
    tree.must_restore(*WAYS)
    status = os.waitstatus_to_exitcode(tree.finish())
    check(status == 0, f"the program ended with {status}: {system.read_text('log')}")


if __name__ == "__main__":
    dumped.begin()
    main()
