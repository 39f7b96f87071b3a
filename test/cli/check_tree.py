#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check -t: says of a running tree what a dump then says too, without stopping or changing it; a
tree that never stays the same is no problem; size and freeze time are foretold within reason.

wl: needs root
wl: areas cli-rpc
wl: idle"""

import json
import os
import subprocess
import threading
import time

import dumped
from lib import snapshot


def examine(pid, *words):
    done = subprocess.run([dumped.TOOL, "check", "-t", str(pid), "--json", *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    try:
        said = json.loads(done.stdout)
    except ValueError:
        dumped.fail(f"check -t said {done.stdout!r} {done.stderr!r}")
    dumped.check(done.returncode == (0 if said["ok"] else 1), f"status {done.returncode}")
    dumped.check("error" not in said, said)
    return said


def dump_says(tree, *words):
    """The same as a dump tells it; the tree goes on."""
    folder = os.path.abspath(f"images-{time.monotonic_ns()}")
    os.mkdir(folder)
    done = subprocess.run([dumped.TOOL, "dump", "-t", str(tree.pid), "-D", folder, "-R", "--json",
                           *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    size = sum(os.stat(f"{folder}/{name}").st_blocks * 512 for name in os.listdir(folder))
    return json.loads(done.stdout), size


def items(said, kind):
    return sorted((i.get("task"), i["object"], i["text"]) for i in said[kind])


CLEAN = """
import os, time
memory = bytearray(os.urandom(64 << 20))
if os.fork() == 0:
    time.sleep(1000)
open("ready~", "w").close(); os.rename("ready~", "ready")
time.sleep(1000)
"""

SICK = """
import ctypes, mmap, os, signal, socket, time
s = socket.socketpair()
r, w = os.pipe()
f = open("gone", "w+"); f.write("x" * (3 << 20)); f.flush(); os.unlink("gone")
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTRAP])
os.kill(os.getpid(), signal.SIGTRAP)
open("ready~", "w").close(); os.rename("ready~", "ready")
time.sleep(1000)
"""

RESTLESS = """
import os, threading, time
def files():
    while True:
        fd = os.open("/dev/null", os.O_RDONLY)
        fd2 = os.dup(fd)
        os.close(fd)
        os.close(fd2)
def threads():
    while True:
        t = threading.Thread(target=time.sleep, args=(0,))
        t.start()
        t.join()
def children():
    while True:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
def areas():
    import mmap
    while True:
        m = mmap.mmap(-1, 1 << 20)
        m[0] = 1
        m.close()
for work in (files, threads, areas):
    threading.Thread(target=work).start()
if os.fork() == 0:
    children()
open("ready~", "w").close(); os.rename("ready~", "ready")
time.sleep(1000)
"""


def start(code):
    if os.path.exists("ready"):
        os.unlink("ready")
    tree = dumped.python(code)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    return tree


def state(pid):
    return (dumped.system.read_text(f"/proc/{pid}/stat") or ")").rpartition(")")[2].split()[0]


def test_clean():
    tree = start(CLEAN)
    before = snapshot.settled(tree.pid)
    states, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            states.add(state(tree.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    said = examine(tree.pid)
    stop.set()
    watcher.join()
    dumped.check(not states & {"t", "T"}, f"the process was stopped: {states}")
    found = snapshot.compare(before, tree.pid)
    dumped.check(not found, "\n".join(found))
    dumped.check(said["ok"] and said["refusals"] == [] and said["warnings"] == [], said)
    foretold = said["prediction"]
    dumped.check((foretold["tasks"], foretold["threads"]) == (2, 2), foretold)
    real, size = dump_says(tree)
    dumped.check(real["ok"], real)
    dumped.check(0.9 < foretold["image_bytes"] / size < 1.1,
                 f"foretold {foretold['image_bytes']} bytes, got {size}")
    took = real["stats"]["frozen_us"]
    dumped.check(1 / 20 < foretold["freeze_us"] / took < 20,
                 f"foretold {foretold['freeze_us']} us, took {took}")
    text = subprocess.run([dumped.TOOL, "check", "-t", str(tree.pid)],
                          capture_output=True, text=True)
    dumped.check(text.returncode == 0 and "can be dumped" in text.stdout and "MiB" in text.stdout,
                 text.stdout)


def test_sick():
    """Every reason, the same as the dump has them, each with its cure."""
    tree = start(SICK)
    said = examine(tree.pid)
    real, _ = dump_says(tree)
    dumped.check(not said["ok"] and not real["ok"], f"{said}\n{real}")
    dumped.check(items(said, "refusals") == items(real, "refusals"),
                 f"check: {items(said, 'refusals')}\ndump: {items(real, 'refusals')}")
    dumped.check(len(said["refusals"]) >= 2, said["refusals"])
    real, _ = dump_says(tree, "--skip-mnt", "/proc")
    dumped.check("--skip-mnt /proc" in [i["object"] for i in real["warnings"]], real["warnings"])
    dumped.check(tree.alive() and state(tree.pid) == "S", "the tree did not go on")


def test_traced():
    tree = start(CLEAN)
    tracer = subprocess.Popen(["sh", "-c", f"exec {os.environ['CRTOOLS']} exec -t {tree.pid} "
                               "--timeout 3 pause"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dumped.await_true("the tracer", lambda: "TracerPid:\t0" not in
                      (dumped.system.read_text(f"/proc/{tree.pid}/status") or ""))
    said = examine(tree.pid)
    tracer.wait()
    dumped.check(any("traced already by process" in i["text"] for i in said["refusals"]), said)
    dumped.check(examine(tree.pid)["ok"], "after the tracer has gone")


def test_restless():
    tree = start(RESTLESS)
    for _ in range(20):
        said = examine(tree.pid)
        dumped.check(said["ok"] and not said["refusals"], said)
        dumped.check(said["prediction"]["tasks"] >= 2, said["prediction"])
    dumped.check(tree.alive(), "the tree ended")


def test_session():
    """What a person can change by an option is said with that option."""
    pid = int(subprocess.run(["sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo $!"],
                             capture_output=True, text=True).stdout)
    try:
        said = examine(pid)
        dumped.check(any("--shell-job" in i.get("cure", "") for i in said["refusals"]), said)
        dumped.check(not any("--shell-job" in i.get("cure", "")
                             for i in examine(pid, "--shell-job")["refusals"]), "--shell-job")
    finally:
        os.kill(pid, 9)


def main():
    dumped.begin()
    for test in (test_clean, test_sick, test_traced, test_restless, test_session):
        test()
    done = subprocess.run([dumped.TOOL, "check", "-t", "4194303"], capture_output=True, text=True)
    dumped.check(done.returncode == 1 and "there is no process" in done.stderr, done.stderr)


main()
