#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What can be missing or go wrong around the tool: a full disk, too few descriptors, too little
memory, a directory that can't be written or goes away, an id that is taken, a tree that is dumped
already, one that ends, is killed or executes another program meanwhile, one that does not stop,
two restores at once, closed standard descriptors, a terminal that hangs up. Each is refused by a
sentence that names the thing, the tree goes on as it was, an old image set stays, and nothing is
left behind.

wl: needs root
wl: timeout 240"""

import fcntl
import os
import re
import resource
import signal
import subprocess
import sys
import time

import survivors
from survivors import TOOL, Held, await_gone, check, end, environment, run

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
        check(re.search(r"^Error: .* \(.*\)\n  [A-Z].*\.$", said, re.M),
              f"{what}: the message names no call's answer, or nothing to do: {said}")
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


def full_disk_large(case):
    """So much memory that its pages are placed in the tmpfs by several threads, not written."""
    os.mkdir("large")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", "large"], check=True)
    held = "import sys; m = bytes(range(256)) * (1 << 18); print('held', flush=True); " \
           "sys.stdin.read(); sys.exit(m != bytes(range(256)) * (1 << 18))"
    with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, start_new_session=True) as large:
        check(large.stdout.readline() == b"held\n", "the large process did not start")
        case.refused("no room for 64 MiB",
                     tool(["dump", "-D", "large", "-t", str(large.pid), "-R"]),
                     "No space left", "can't write .* of pages")
        check(not os.listdir("large"), f"no room for 64 MiB: {os.listdir('large')} is left")
        large.stdin.close()
        check(large.wait() == 0, "the large process has lost its memory")
    subprocess.run(["umount", "large"], check=True)


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
    # With less it can't even be loaded: a build with sanitizers needs much more.
    least = next(kib for kib in range(800, 100000, 200)
                 if not tool(["--version"], limit(resource.RLIMIT_AS, kib << 10))[0])
    for kib in range(least, least + 4000, 200):
        status, said = tool(dump, limit(resource.RLIMIT_AS, kib << 10))
        case.tree.check_well(f"{kib} KiB")
        refused += status != 0
        check(status in (0, 1, 127, -signal.SIGABRT), f"{kib} KiB: status {status}: {said}")
        if status == 0:
            before = names("images")
        run("clean") # out of memory in the middle of building something, the tool aborts
        case.old_set(f"{kib} KiB", before)
    check(refused, "any little memory is enough")


def directories(case):
    os.mkdir("frozen")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs", "frozen"], check=True)
    case.refused("read-only", tool(["dump", "-D", "frozen", "-o", "/dev/null", *case.words]),
                 "Read-only file system")
    status, said = tool(["dump", "-D", "images", "-W", "frozen", "-o", "/dev/null", *case.words])
    check(status == 0 and re.search("stats-dump: .*Read-only", said),
          f"no place for figures: {status}: {said}")
    case.tree.check_well("no place for figures")
    subprocess.run(["umount", "frozen"], check=True)
    case.refused("no directory", tool(["dump", "-D", "nowhere", *case.words]), "nowhere")
    os.mkdir("vanishing")
    dump = Held("dump-freeze", "dump", "-D", "vanishing", "-o", "/dev/null", *case.words)
    subprocess.run(["rm", "-rf", "vanishing"], check=True)
    case.refused("the directory vanishes", dump.go_on(), "No such file|image")


def twice(case):
    first = Held("dump-files", "dump", "-D", "images", *case.words)
    os.mkdir("other")
    status, said = tool(["dump", "-D", "other", *case.words])
    check(status == 1 and f"traced already by process {first.pid} (crtools)" in said,
          f"a second dump: {status}: {said}")
    status, said = run("clean")
    check(status == 0 and "left alone" in said, f"clean during a dump: {said}")
    status, said = first.go_on()
    check(status == 0, f"the first dump, with another one beside: {said}")
    case.tree.check_well("two dumps at once")


def sleeper():
    proc = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)
    proc.returncode = 0
    return proc.pid


def images_of(pid, folder):
    return [n for n in os.listdir(folder) if re.fullmatch(rf"core-{pid}\.img", n)]


def same_folder(case):
    """Nobody writes where another one writes or restores; who is gone is in nobody's way."""
    os.mkdir("same")
    other = sleeper()
    words = ["dump", "-D", "same", "-t", str(other), "-R"]
    first = Held("dump-files", "dump", "-D", "same", *case.words)
    for what in (words, ["restore", "-D", "same", "-d"]):
        status, said = tool(what)
        check(status == 1 and f"in use: process {first.pid} (crtools) writes a dump there" in said,
              f"{what[0]} where a dump is written: {status}: {said}")
    status, said = first.go_on()
    check(status == 0, f"a dump, with another one into its folder: {said}")
    check(images_of(case.tree.pid, "same") and not images_of(other, "same"), os.listdir("same"))
    case.tree.check_well("two dumps into one folder")
    abandoned(case, words, other)
    beside_a_restore(words, other)


def abandoned(case, words, other):
    """The folder of a killed dump, though one that it has left still holds its lock."""
    first = Held("dump-files", "dump", "-D", "same", *case.words)
    first.go_on(signal.SIGKILL)
    case.tree.check_well("a dump was killed")
    (folder,) = [n for n in os.listdir("same") if n.startswith(".crtools-dump-")]
    with open(f"same/{folder}/owner", "r+", encoding="ascii") as note:
        fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        status, said = tool(words)
        check(status == 0, f"a dump after one that was killed: {said}")
        check(os.path.exists(f"same/{folder}"), "a folder whose lock is held was removed")
        # The same, by somebody whose id says nothing here.
        fields = note.read().split()
        note.seek(0)
        note.write(" ".join([*fields[:3], str(int(fields[3]) + 1)]) + "\n")
        note.flush()
        status, said = tool(words)
        check(status == 1 and "in use: a process that can't be seen from here writes" in said,
              f"a dump where one of another namespace writes: {status}: {said}")
    status, said = tool(words)
    check(status == 0, f"a dump after all have gone: {said}")
    check(not os.path.exists(f"same/{folder}"), f"{folder} is left")
    check(images_of(other, "same") and not images_of(case.tree.pid, "same"), os.listdir("same"))
    run("clean")


def beside_a_restore(words, other):
    victim = sleeper()
    os.kill(other, signal.SIGKILL)
    await_gone([other], "the dumped process")
    first = Held("restore-ready", "restore", "-D", "same")
    words = [*words[:-2], str(victim), "-R"]
    status, said = tool(words)
    check(status == 1 and f"in use: process {first.pid} (crtools) has locked it" in said,
          f"a dump where a restore reads: {status}: {said}")
    check(images_of(other, "same") and not images_of(victim, "same"), os.listdir("same"))
    first.proc.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 20
    while tool(words)[0]:
        check(time.monotonic() < deadline, "a restore that is done is still in the way")
    check(first.proc.poll() is None and system.exists(other), "the restored process has ended")
    check(images_of(victim, "same") and not images_of(other, "same"), os.listdir("same"))
    end([other, victim])
    check(first.proc.wait(10) == 0, "the restore failed")


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


def chains(rounds):
    """Threads that make their successors and end, on a machine with more to do than processors: a
    freeze that looks once too little misses one, and memory goes away while it is read."""
    done = subprocess.run(["gcc", "-O2", "-pthread", "-o", "chain",
                           os.path.join(survivors.HERE, "chain.c")])
    check(done.returncode == 0, "chain.c can't be compiled")
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
             "stderr": subprocess.DEVNULL, "start_new_session": True}
    procs = [subprocess.Popen(["./chain", "64"], **quiet)]
    procs += [subprocess.Popen(["sh", "-c", "while :; do :; done"], **quiet) for _ in range(3)]
    time.sleep(0.1)
    os.mkdir("chains")
    for _ in range(rounds):
        status, said = tool(["dump", "-D", "chains", "-t", str(procs[0].pid), "-R"])
        check(status == 0, f"chains of threads: {said}")
    check(procs[0].poll() is None, "chains of threads: they have ended")
    for proc in procs:
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
        dump = Held(point, "dump", "-D", folder, "-t", str(proc.pid), "-R")
        proc.kill()
        status, said = dump.go_on()
        check(status in (0, 1), f"killed at {point}: {status}: {said}")
        check(status == 0 or "Error:" in said, f"killed at {point}: {said}")
        check(status == 0 or "inventory.img" not in os.listdir(folder),
              f"killed at {point}: half a set is left")
        check(proc.wait(10) == -signal.SIGKILL, f"killed at {point}: it ended otherwise")


NO_STOP = """
import ctypes, fcntl, mmap, struct
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
uffd = libc.syscall(323, 0)
fcntl.ioctl(uffd, 0xc018aa3f, struct.pack("QQQ", 0xaa, 0, 0))
page = libc.mmap(None, 4096, 3, 0x22, -1, 0)
fcntl.ioctl(uffd, 0xc020aa00, struct.pack("QQQQ", page, 4096, 1, 0))
print("ready", flush=True)
zero = open("/dev/zero")
libc.read(zero.fileno(), ctypes.c_void_p(page), 16)
"""


def does_not_stop():
    """A thread waits inside of the kernel for a page that nobody gives it."""
    proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", NO_STOP], stdout=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, start_new_session=True)
    check(proc.stdout.readline() == b"ready\n", "no userfaultfd")
    time.sleep(0.05)
    os.mkdir("stuck")
    start = time.monotonic()
    status, said = tool(["dump", "-D", "stuck", "-t", str(proc.pid), "--timeout", "1"])
    took = time.monotonic() - start
    check(status == 1 and f"thread {proc.pid} does not stop" in said and "--timeout" in said, said)
    check(0.9 < took < 3, f"--timeout 1 took {took:.2f} s")
    check(os.listdir("stuck") == [], f"left after a timeout: {os.listdir('stuck')}")
    status = system.read_text(f"/proc/{proc.pid}/status")
    check("TracerPid:\t0" in status, f"after a timeout: {status}")
    proc.kill()
    proc.wait()


def hung_up(case, action):
    """A dump that gets SIGHUP in the middle of it; its status, and what it said."""
    dump = Held("dump-files", "dump", "-D", "images", *case.words,
                preexec_fn=lambda: signal.signal(signal.SIGHUP, action))
    if action == signal.SIG_IGN:
        dump.proc.send_signal(signal.SIGHUP)
        return dump.go_on()
    return dump.go_on(signal.SIGHUP)


def ignored(case):
    """Under nohup SIGHUP is ignored, and the dump goes on."""
    status, said = hung_up(case, signal.SIG_IGN)
    check(status == 0, f"an ignored SIGHUP: status {status}: {said}")


def hangup(case):
    """SIGHUP, as when the terminal goes away in the middle of it."""
    status, said = hung_up(case, signal.SIG_DFL)
    check(status == -signal.SIGHUP and "taken back" in said, f"SIGHUP: status {status}: {said}")
    case.tree.check_well("SIGHUP")
    case.tree.check_maps("SIGHUP")
    check(not os.listdir("/run/crtools"), "SIGHUP: a journal is left")


def open_files(pid):
    base = f"/proc/{pid}/fd/"
    try:
        return " ".join(os.readlink(base + fd) for fd in os.listdir(base))
    except OSError:
        return ""


GHOST = """
import os, time
f = open("small/gone", "wb")
f.write(os.urandom(300000))
f.flush()
os.unlink("small/gone")
while True:
    time.sleep(0.01)
"""


def full_disk_restore():
    """The deleted file that a program has open can't be made again."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=755", "tmpfs", "small"], check=True)
    proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", GHOST], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            start_new_session=True)
    proc.returncode = 0
    while "gone (deleted)" not in open_files(proc.pid):
        time.sleep(0.01)
    os.mkdir("ghost")
    status, said = tool(["dump", "-D", "ghost", "-t", str(proc.pid)])
    check(status == 0, said)
    await_gone([proc.pid], "dumped")
    for room in (4096, 100000, 250000):
        with open("small/ballast", "wb", buffering=0) as f:
            try:
                while True:
                    f.write(b"\0" * 4096)
            except OSError:
                pass
            f.truncate(f.tell() - room)
        status, said = tool(["restore", "-D", "ghost", "-d"])
        check(status == 1 and "No space left" in said and "small" in said,
              f"restore to a full disk: {status}: {said}")
        await_gone([proc.pid], "restore to a full disk")
        left = [n for n in os.listdir("small") if n != "ballast"]
        check(not left, f"restore to a full disk: {left} is left")
        check(not os.listdir("/run/crtools"), "restore to a full disk: a journal is left")
    os.unlink("small/ballast")
    status, said = tool(["restore", "-D", "ghost", "-d"])
    check(status == 0, said)
    check("gone (deleted)" in open_files(proc.pid), "the deleted file did not come back")
    end([proc.pid])
    subprocess.run(["umount", "small"], check=True)


def restore_limits(tree, pids):
    """Little of everything: refused, or restored whole."""
    for what, values in ((resource.RLIMIT_NOFILE, (3, 5, 8, 12, 20, 40)),
                         (resource.RLIMIT_AS, [kib << 10 for kib in range(2000, 9000, 500)]),
                         (resource.RLIMIT_NPROC, (1,))):
        for value in values:
            context = f"restore with limit {what} of {value}"
            if tool(["--version"], limit(what, value))[0]:
                continue  # not even that: it can't be loaded
            status, said = tool(["restore", "-D", "images", "-d"], limit(what, value))
            check(status in (0, 1, 127, -signal.SIGABRT), f"{context}: status {status}: {said}")
            if status == 0:
                tree.check_well(context)
                end(pids)
            else:
                check(re.search("Error: |memory|shared object", said), f"{context}: {said}")
                await_gone(pids, context)
            run("clean")
            check(not os.listdir("/run/crtools"), f"{context}: a journal is left")


def two_restores(tree, pids):
    """Both want the same ids: one has them, the other leaves it alone."""
    words = ["restore", "-D", "images", "-d"]
    first = Held("restore-ready", *words)
    status, said = tool(words)
    check(status == 1 and "is taken by another task (crtools" in said,
          f"a second restore: {status}: {said}")
    status, said = first.go_on()
    check(status == 0, f"the first restore, with another one beside: {said}")
    tree.check_well("two restores at once")
    status, said = tool(words)
    check(status == 1 and "is taken by another task (subject" in said,
          f"a restore beside the living tree: {status}: {said}")
    tree.check_well("a restore beside the living tree")
    end(pids)


def restore_read_only(tree, pids):
    subprocess.run(["mount", "--bind", "images", "frozen"], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", "frozen"], check=True)
    status, said = tool(["restore", "-D", "frozen", "-d"])
    check(status == 0, f"restore from a read-only directory: {said}")
    tree.check_well("restored from a read-only directory")
    end(pids)
    subprocess.run(["umount", "frozen"], check=True)


def restores(tree):
    pids = tree.processes()
    status, said = run("dump", "-D", "images", "-t", str(tree.pid))
    check(status == 0, said)
    await_gone(pids, "the dumped tree")
    restore_read_only(tree, pids)
    restore_limits(tree, pids)
    two_restores(tree, pids)
    taken(tree, pids)


def taken(tree, pids):
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
    full_disk_large(case)
    limits(case)
    directories(case)
    twice(case)
    same_folder(case)
    closed_output(case)
    for mode in ("child", "exec", "threads"):
        restless(mode, 30)
    chains(60)
    ends_meanwhile()
    does_not_stop()
    ignored(case)
    hangup(case)
    full_disk_restore()
    restores(tree)


main()
