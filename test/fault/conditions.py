#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be missing or go wrong around the tool: a full disk, too few descriptors, too little
memory, a directory that can't be written or goes away, an id that is taken, a tree that is dumped
already, one that ends, is killed or executes another program meanwhile, closed standard
descriptors. Each is refused by a sentence that names the thing, the tree goes on as it was, an old image set
stays, and nothing is left behind.

wl: needs root
wl: timeout 240"""

import os
import re
import resource
import signal
import subprocess
import sys
import time

import survivors
from survivors import TOOL, check, environment, run

from lib import system


def tool(words, prepare=None, **more):
    done = subprocess.run([TOOL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, preexec_fn=prepare,
                          env=environment(), **more)
    return done.returncode, done.stdout


def limit(what, value):
    return lambda: resource.setrlimit(what, (value, value))


def names(folder):
    return {n: os.stat(os.path.join(folder, n)).st_mtime_ns for n in os.listdir(folder)
            if not n.startswith("stats-")}


class Case:
    def __init__(self, tree):
        self.tree = tree
        self.words = ["-t", str(tree.pid), "-R"]
        os.mkdir("images")
        status, said = run("dump", "-D", "images", *self.words)
        check(status == 0, said)

    def refused(self, what, said_by, *pattern, folder="images"):
        status, said = said_by
        check(status == 1, f"{what}: status {status}: {said}")
        for text in pattern:
            check(re.search(text, said), f"{what}: the message has no {text!r}: {said}")
        self.tree.check_well(what)
        self.tree.check_maps(what)
        left = os.listdir("/run/crtools")
        check(not left, f"{what}: journals are left: {left}")

    def old_set(self, what, before):
        now = names("images")
        changed = sorted(n for n in {*now, *before} if now.get(n) != before.get(n))
        check(not changed, f"{what}: the old set was changed: {changed}")


def full_disk(case):
    os.mkdir("small")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", "small"], check=True)
    for size in (0, 4096, 200000):
        with open("small/ballast", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"\0" * 4096)
            except OSError:
                pass
            f.truncate(max(0, f.tell() - size))
        case.refused(f"disk full but for {size}", tool(["dump", "-D", "small", *case.words]),
                     "No space left", r"\.img|images directory|small")
        left = [n for n in os.listdir("small") if n != "ballast"]
        check(not left, f"disk full but for {size}: {left} is left")
    subprocess.run(["umount", "small"], check=True)


def limits(case):
    before = names("images")
    dump = ["dump", "-D", "images", *case.words]
    for number in (4, 8, 16, 24):
        status, said = tool(dump, limit(resource.RLIMIT_NOFILE, number))
        check(status in (0, 1), f"{number} descriptors: status {status}: {said}")
        if status:
            case.refused(f"{number} descriptors", (status, said), "Too many open files")
            case.old_set(f"{number} descriptors", before)
        before = names("images")
    refused = 0
    for kib in range(4200, 6800, 200):
        status, said = tool(dump, limit(resource.RLIMIT_AS, kib << 10))
        case.tree.check_well(f"{kib} KiB")
        refused += status != 0
        check(status in (0, 1, 127, -signal.SIGABRT), f"{kib} KiB: status {status}: {said}")
        if status == 0:
            before = names("images")
        run("clean") # out of memory in the middle of building something, the tool aborts
        case.old_set(f"{kib} KiB", before)
    check(refused, "4200 KiB of addresses were enough")


def directories(case):
    os.mkdir("frozen")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", "frozen"], check=True)
    case.refused("read-only", tool(["dump", "-D", "frozen", "-o", "/dev/null", *case.words]),
                 "Read-only file system")
    subprocess.run(["umount", "frozen"], check=True)
    case.refused("no directory", tool(["dump", "-D", "nowhere", *case.words]), "nowhere")
    os.mkdir("vanishing")
    proc = subprocess.Popen([TOOL, "dump", "-D", "vanishing", "-o", "/dev/null", *case.words],
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True,
                            env=environment("dump-freeze:sleep"))
    wait_for_rest(proc)
    subprocess.run(["rm", "-rf", "vanishing"], check=True)
    said = proc.communicate(timeout=30)[0]
    case.refused("the directory vanishes", (proc.returncode, said), "No such file|image")


def wait_for_rest(proc):
    deadline = time.monotonic() + 10
    while "nanosleep" not in (system.read_text(f"/proc/{proc.pid}/wchan") or ""):
        check(time.monotonic() < deadline and proc.poll() is None, "the tool does not wait")
        time.sleep(0.001)


def twice(case):
    proc = subprocess.Popen([TOOL, "dump", "-D", "images", *case.words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment("dump-files:sleep"))
    wait_for_rest(proc)
    os.mkdir("other")
    status, said = tool(["dump", "-D", "other", *case.words])
    check(status == 1 and f"traced already by process {proc.pid} (crtools)" in said,
          f"a second dump: {status}: {said}")
    status, said = run("clean")
    check(status == 0 and "left alone" in said, f"clean during a dump: {said}")
    said = proc.communicate(timeout=30)[0]
    check(proc.returncode == 0, f"the first dump, with another one beside: {said}")
    case.tree.check_well("two dumps at once")


def closed_output(case):
    for fds in ((1,), (2,), (1, 2), (0, 1, 2)):
        def close_them(fds=fds):
            for fd in fds:
                os.close(fd)
        status, said = tool(["dump", "-D", "images", *case.words], close_them)
        check(status == 0, f"descriptors {fds} closed: {said}")
        case.tree.check_well(f"descriptors {fds} closed")
    full = os.open("/dev/full", os.O_WRONLY)
    done = subprocess.run([TOOL, "dump", "-D", "images", "-o", "-", "-v4", *case.words],
                          stdin=subprocess.DEVNULL, stdout=full, stderr=full, timeout=60)
    os.close(full)
    case.tree.check_well(f"output to /dev/full, status {done.returncode}")


SHORT = """
import os, signal, sys, time, threading
mode = sys.argv[1]
if mode == "child":
    while True:
        pid = os.fork()
        if pid == 0:
            time.sleep(0.0005)
            os._exit(0)
        os.waitpid(pid, 0)
elif mode == "exec":
    threading.Thread(target=lambda: time.sleep(0.001)).start()
    time.sleep(0.001)
    os.execv(sys.executable, [sys.executable, "-I", "-S", *sys.orig_argv[3:]])
elif mode == "threads":
    while True:
        for t in [threading.Thread(target=time.sleep, args=(0.0005,)) for _ in range(8)]:
            t.start()
        time.sleep(0.0003)
"""


def restless(mode, rounds):
    """Children, threads and programs that come and go: each dump is whole, or refused by name."""
    proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", SHORT, mode],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)
    time.sleep(0.1)
    os.mkdir(mode)
    good = 0
    for _ in range(rounds):
        status, said = tool(["dump", "-D", mode, "-t", str(proc.pid), "-R"])
        check(status == 0 or "Error:" in said, f"{mode}: status {status} without a word: {said}")
        good += status == 0
        deadline = time.monotonic() + 2
        while system.process_state(proc.pid) not in ("R", "S", "D"):
            check(time.monotonic() < deadline,
                  f"{mode}: it is in state {system.process_state(proc.pid)} after {said}")
            time.sleep(0.001)
    print(f"{mode}: {good} of {rounds} dumps")
    check(good * 2 >= rounds, f"{mode}: only {good} of {rounds} dumps succeeded: {said}")
    proc.kill()
    proc.wait()


def ends_meanwhile():
    """The root is killed at each step of a dump: refused, or, once all is read, dumped."""
    for point in ("dump-freeze", "dump-areas", "dump-state", "visit-running", "visit-mapped",
                  "dump-agent", "dump-entries"):
        proc = subprocess.Popen(["sleep", "100"], start_new_session=True)
        time.sleep(0.02)
        folder = f"ends-{point}"
        os.mkdir(folder)
        dump = subprocess.Popen([TOOL, "dump", "-D", folder, "-t", str(proc.pid), "-R"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                env=environment(point + ":sleep"))
        wait_for_rest(dump)
        proc.kill()
        said = dump.communicate(timeout=30)[0]
        check(dump.returncode in (0, 1), f"killed at {point}: {dump.returncode}: {said}")
        check(dump.returncode == 0 or "Error:" in said, f"killed at {point}: {said}")
        check(dump.returncode == 0 or "inventory.img" not in os.listdir(folder),
              f"killed at {point}: half a set is left")
        check(proc.wait(10) == -signal.SIGKILL, f"killed at {point}: it ended otherwise")


def taken(tree):
    pids = tree.processes()
    status, said = run("dump", "-D", "images", "-t", str(tree.pid))
    check(status == 0, said)
    deadline = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        system.reap()
        check(time.monotonic() < deadline, "the dumped tree did not end")
        time.sleep(0.001)
    wanted = [pids[2], pids[4]]
    holders = []
    for pid in wanted:
        with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as f:
            f.write(str(pid - 1))
        holders.append(subprocess.Popen(["sleep", "100"]))
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as f:
        f.write("20000")  # the tool itself must not take one
    got = [p.pid for p in holders if p.pid in pids]
    check(got == wanted, f"the ids {wanted} could not be taken: {got}")
    status, said = run("restore", "-D", "images", "-d")
    check(status == 1, f"ids are taken, and still: {status}: {said}")
    for pid in got:
        check(f"id {pid}: is taken by another task (sleep" in said, f"{pid} is not named: {said}")
    for p in holders:
        p.kill()
        p.wait()
    status, said = run("restore", "-D", "images", "-d")
    check(status == 0, said)
    tree.check_well("restored")


def main():
    survivors.begin()
    os.mkdir("/run/crtools")
    tree = survivors.Subject()
    case = Case(tree)
    full_disk(case)
    limits(case)
    directories(case)
    twice(case)
    closed_output(case)
    for mode in ("child", "exec", "threads"):
        restless(mode, 30)
    ends_meanwhile()
    taken(tree)


main()
