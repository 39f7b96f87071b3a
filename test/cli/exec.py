#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""System calls in other processes: results, buffers, references, refusals; and the process is
none the wiser, whatever it was doing: its calls go on for as long as they had to, its registers,
signals, memory map and descriptors are what they were.

wl: needs root
wl: areas cli-rpc
wl: idle
wl: timeout 240"""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import needs, snapshot, system  # noqa: E402

CRTOOLS = os.environ["CRTOOLS"]
SOURCE = os.path.join(os.environ["SOURCE"], "test/cli/exec_target.c")


def check(condition, text):
    if not condition:
        sys.exit(text)


def run(pid, *words, status=0, options=()):
    done = subprocess.run([CRTOOLS, "exec", "-t", str(pid), *options, *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    check(done.returncode == status,
          f"exec {words}: status {done.returncode}, not {status}; the process' state is "
          f"{system.process_state(pid)}\n{done.stdout}{done.stderr}")
    return done.stdout if status < 2 else done.stderr


class Late(Exception):
    """The process' wait was over before the test had done with it: the machine has much to do."""


patience = threading.local()  # .seconds: how long the processes of this thread's test wait
PATIENCE = (3, 15, 60)


def patiently(test, *args):
    for patience.seconds in PATIENCE:
        try:
            return test(*args)
        except Late as reason:
            late = reason
    sys.exit(f"{late}, although it waits for {patience.seconds} seconds")


class Target:
    def __init__(self, binary, kind):
        self.seconds = patience.seconds
        self.proc = subprocess.Popen([binary, kind, str(self.seconds)], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     start_new_session=True)
        self.pid = self.proc.pid
        check(self.proc.stdout.readline() == "READY\n", f"{kind} does not start")
        self.kind = kind
        self.begin = self.disturbed = time.monotonic()
        time.sleep(0.2)
        self.before = snapshot.take(self.pid)

    def still_there(self):
        if self.proc.poll() is not None and time.monotonic() > self.begin + self.seconds:
            raise Late(f"{self.kind} has ended")

    def unchanged(self):
        self.still_there()
        found = snapshot.compare(self.before, self.pid, limit=1)
        check(not found, f"{self.kind}: " + "\n".join(found))

    def run(self, *words, **more):
        try:
            return run(self.pid, *words, **more)
        except SystemExit:
            self.still_there()
            raise

    def disturb(self, *words, **more):
        self.disturbed = time.monotonic()
        return self.run(*words, **more)

    def in_time(self, seconds):
        """Had the last disturbance made the wait begin anew, it would have lasted for so much
        longer as it had lasted then."""
        return -0.05 <= seconds - self.seconds <= 0.8 * (self.disturbed - self.begin)

    def result(self):
        line = self.proc.stdout.readline()
        check(self.proc.wait(120) == 0, f"{self.kind} ended badly: {line}")
        match = re.fullmatch(r"RESULT (-?\d+) (\d+) ([\d.]+) HANDLED (\d+)\n", line)
        check(match, f"{self.kind}: said {line!r}")
        return int(match[1]), int(match[2]), float(match[3]), int(match[4])

    def end(self):
        self.proc.kill()
        self.proc.wait()
        self.proc.stdout.close()
        self.proc.stdin.close()


def build():
    binaries = []
    for name, flags in (("target", []), ("target32", ["-m32", "-msse2", "-mfpmath=sse"])):
        if flags and needs.lacks("32bit"):
            print(f"only 64-bit processes: there is not {needs.lacks('32bit')}")
            continue
        done = subprocess.run(["gcc", "-O2", "-pthread", *flags, "-o", name, SOURCE, "-lm"],
                              capture_output=True, text=True)
        check(not done.returncode, done.stderr)
        binaries.append(os.path.abspath(name))
    return binaries


def test_calls(binary):
    """What the calls give, and how it is shown."""
    t = Target(binary, "read")
    check(run(t.pid, "getpid") == f"getpid() = {t.pid} ({t.pid:#x})\n", "getpid")
    check(run(t.pid, "close", 77, status=1) == "close(77) = -1 EBADF (Bad file descriptor)\n",
          "close")
    check(f"= {os.getpid()} " in run(t.pid, "getppid"), "getppid")
    with open("text", "w") as f:
        f.write("forty-two bytes are in this file, at least\n")
    out = run(t.pid, "openat", "AT_FDCWD", "&" + os.path.abspath("text"), "O_RDONLY|O_CLOEXEC", ",",
              "lseek", "@1", 6, "SEEK_SET", ",", "read", "@1", "buf:100", 100, ",",
              "write", "@1", "@buf1", 1, status=1)
    lines = out.splitlines()
    check(re.match(r"openat\(AT_FDCWD, .* = \d+ ", lines[0]), out)
    check(lines[2].endswith(" = 37 (0x25)") and
          lines[3].endswith("EBADF (Bad file descriptor)"), out)
    check("two bytes are in" in out and "buf1: 100 bytes, zero behind these" in out, out)
    # The descriptor that was left open by the failure is closed, the rest not made.
    number = re.search(r"= (\d+) ", lines[0])[1]
    out = run(t.pid, "close", number, ",", "close", number, ",", "getpid", status=1)
    check(out.splitlines()[2] == "getpid() was not made", out)
    # Numbers of every kind, bytes, pointers in memory; calls by number.
    size = 4 if binary.endswith("32") else 8
    nr = 20 if size == 4 else 39
    check(run(t.pid, nr) == f"getpid() = {t.pid} ({t.pid:#x})\n", "by number")
    out = run(t.pid, "pipe", "buf:8")
    said = json.loads(run(t.pid, "pipe2", "buf:8", "0x800", options=["--json"]))
    ends = said["buffers"][0]["hex"]
    reader, writer = (int.from_bytes(bytes.fromhex(ends)[i:i + 4], "little") for i in (0, 4))
    out = run(t.pid, "writev", writer, "words:&hello,5,&hex:20776f726c6400,6", "02", ",",
              "read", reader, "buf:16", "0x10")
    check("hello world" in out and "writev" in out and "= 11 (0xb)" in out, out)
    for fd in (reader, writer, reader - 2, writer - 2):
        run(t.pid, "close", fd)
    # JSON
    done = json.loads(run(t.pid, "open", "&/nonexistent", 0, options=["--json"], status=1))
    check(done["ok"] is False and done["calls"][0]["error"] == "ENOENT" and
          done["calls"][0]["errno"] == 2, done)
    done = json.loads(run(t.pid, "getpid", options=["--json"]))
    check(done["ok"] and done["calls"][0]["result"] == t.pid, done)
    t.unchanged()
    t.proc.stdin.write("x")
    t.proc.stdin.flush()
    check(t.result()[:2] == (1, 0), "the read did not go on")
    t.end()


def test_refusals(binary):
    t = Target(binary, "read")
    for words, text in [
        (["opan", "&x"], "the nearest one is open"),
        (["getpid", "O_RDONLLY"], "the nearest one is O_RDONLY"),
        (["read", "@1"], "there are 0 calls before it; the first is @1"),
        (["getpid", ",", "read", "@2"], "there is 1 call before it"),
        (["read", 0, "@buf1", 1], "there are 0 buffers before it; the first is @buf1"),
        (["getpid", 1, 2, 3, 4, 5, 6, 7], "more than six arguments"),
        (["getpid", ","], "missing beside a comma"),
        (["read", 0, "buf:0", 1], "size of 1 byte to 64M"),
        (["write", 1, "&hex:123", 1], "pairs of hexadecimal digits"),
        (["exit", 0], "end the thread"), (["exit_group", 0], "end the process"),
        (["execve", "&/bin/true", 0, 0], "replaced"), (["fork"], "child"), (["vfork"], "child"),
        (["clone", 17], "child"), (["rt_sigreturn"], "signal frame"),
        (["restart_syscall"], "the program itself"),
        (["rt_sigprocmask", 0, 0, "buf:8", 8], "SigBlk"),
        (["ppoll", 0, 0, 0, "&hex:0000000000000000", 8], "handlers"),
        (["munmap", 0, "0x7fffffffe000"], "agent needs"),
        (["mprotect", 0x1000, "0xffffe000" if binary.endswith("32") else "0x7ffffffde000", 0],
         "agent needs"),
        (["prctl", "PR_SET_SYSCALL_USER_DISPATCH", 1], "dispatched"),
    ]:
        said = run(t.pid, *words, status=2)
        check(text in said, f"{words}: {said}")
    if not binary.endswith("32"):
        check("registers" in run(t.pid, "arch_prctl", "ARCH_SET_FS", 0, status=2), "ARCH_SET_FS")
        check("x32" in run(t.pid, 0x40000208, status=2), "x32 execve")
    check("no process" in run(999999999 % 4194304, "getpid", status=2), "no such process")
    t.unchanged()
    t.end()


WAITS = ("nanosleep", "poll", "futex", "threads", "small_stack", "spin")


def test_wait(binary, kind):
    """Whatever the process waits in goes on, and ends when it had to: not later by as much as it
    had waited before, which is what a call that is made anew would take."""
    t = Target(binary, kind)
    for _ in range(3):
        t.disturb("getpid")
        time.sleep(0.1)
    if kind in ("nanosleep", "poll", "futex"):
        # The kernel remembers one interrupted wait only.
        said = t.run("nanosleep", "words:0,1000", 0, status=2)
        check("would forget for how long" in said, said)
        check("would forget" in t.run("poll", 0, 0, 10, status=2), "poll")
        t.disturb("poll", 0, 0, 0)
    if kind != "threads":
        t.unchanged()
    ret, num, seconds, handled = t.result()
    want = (-1, 110) if kind == "futex" else (0, 0)
    check((ret, num) == want, f"{kind}: returned {ret}, errno {num}")
    check(t.in_time(seconds) or kind == "spin" and seconds >= t.seconds,
          f"{kind}: took {seconds} seconds instead of {t.seconds}")
    check(handled == 0, f"{kind}: got a signal")
    t.end()


def test_signals(binary):
    """Signals that come meanwhile, or are sent by the call itself, arrive; once."""
    t = Target(binary, "read")
    run(t.pid, "kill", t.pid, "SIGUSR1")  # SA_RESTART: the read goes on
    run(t.pid, "tgkill", t.pid, t.pid, "SIGUSR1")
    run(t.pid, "kill", t.pid, "SIGUSR2")
    t.proc.stdin.write("x")
    t.proc.stdin.flush()
    ret, num, _, handled = t.result()
    check((ret, num, handled) == (1, 0, 2), f"read: {ret}, {num}, {handled} signals")
    t.end()
    t = Target(binary, "pause")
    run(t.pid, "getpid")
    run(t.pid, "kill", t.pid, "SIGUSR1")
    ret, num, _, handled = t.result()
    check((ret, num, handled) == (-1, 4, 1), f"pause: {ret}, {num}, {handled} signals")
    t.end()


def state(pid):
    return (system.read_text(f"/proc/{pid}/stat") or ")").rpartition(")")[2].split()[0]


def await_state(pid, wanted):
    deadline = time.monotonic() + 5
    while state(pid) != wanted:
        check(time.monotonic() < deadline, f"state {state(pid)} instead of {wanted}")
        time.sleep(0.005)


def test_stopped(binary):
    t = Target(binary, "nanosleep")
    os.kill(t.pid, signal.SIGSTOP)
    await_state(t.pid, "T")
    before = snapshot.take(t.pid)
    check(f"= {t.pid} " in t.run("getpid"), "in a stopped process")
    await_state(t.pid, "T")
    found = snapshot.compare(before, t.pid, limit=1)
    check(not found, "stopped: " + "\n".join(found))
    os.kill(t.pid, signal.SIGCONT)
    check(t.result()[:2] == (0, 0), "the sleep of a stopped process")
    t.end()
    # Stopped by the call itself.
    t = Target(binary, "nanosleep")
    time.sleep(0.3)
    t.disturb("kill", t.pid, "SIGSTOP")
    await_state(t.pid, "T")
    os.kill(t.pid, signal.SIGCONT)
    ret, num, seconds, _ = t.result()
    check((ret, num) == (0, 0) and t.in_time(seconds),
          f"stopped by itself: {ret}, {num}, {seconds}")
    t.end()


def test_blocking(binary):
    """A call that does not come back is taken back."""
    t = Target(binary, "read")
    start = time.monotonic()
    for words in (["pause"], ["read", 0, "buf:1", 1], ["poll", 0, 0, -1],
                  ["nanosleep", "words:100,0", 0]):
        said = run(t.pid, *words, options=["--timeout", "1"], status=2)
        check("did not return within 1 s" in said, said)
        t.unchanged()
    check(time.monotonic() - start < 8, "took too long")
    # Calls before it are told.
    done = subprocess.run([CRTOOLS, "exec", "-t", str(t.pid), "--timeout", "1",
                           "getpid", ",", "pause"],
                          capture_output=True, text=True)
    check(done.returncode == 2 and f"getpid() = {t.pid} " in done.stdout, done.stdout)
    t.proc.stdin.write("x")
    t.proc.stdin.flush()
    check(t.result()[:2] == (1, 0), "the process' own read did not go on")
    t.end()


def await_inside(pid):
    """Until the agent's pause(2) is what the process is in."""
    deadline = time.monotonic() + 10
    while (system.read_text(f"/proc/{pid}/syscall") or "").split()[:1] not in (["34"], ["29"]):
        check(time.monotonic() < deadline, "the call was not made")
        time.sleep(0.005)


def test_killed(binary):
    """The process dies in the call, and then the tool while the process is in it: that goes on."""
    t = Target(binary, "read")
    tool = subprocess.Popen([CRTOOLS, "exec", "-t", str(t.pid), "pause"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    await_inside(t.pid)
    t.end()
    said = tool.communicate(timeout=20)[0]
    check(tool.returncode == 2 and f"thread {t.pid} was killed" in said,
          f"status {tool.returncode}: {said}")
    t = Target(binary, "read")
    tool = subprocess.Popen([CRTOOLS, "exec", "-t", str(t.pid), "pause"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_inside(t.pid)
    tool.kill()
    tool.wait()
    subprocess.run([CRTOOLS, "clean"], check=True, stdout=subprocess.DEVNULL)
    t.unchanged()
    run(t.pid, "getpid")
    t.end()


def test_special(binary, kind):
    t = Target(binary, kind)
    time.sleep(0.3)
    t.run("getpid")
    t.disturb("getcwd", "buf:100", 100)
    t.unchanged()
    ret, num, seconds, _ = t.result()
    check((ret, num) == (0, 0) and t.in_time(seconds), f"{kind}: {ret}, {num}, {seconds}")
    t.end()


def tests(binaries):
    """Those that wait for long first: each waits for itself, all at once."""
    for binary in binaries:
        for kind in WAITS:
            yield test_wait, binary, kind
        # A 32-bit C library makes all calls through the vdso.
        for kind in () if binary.endswith("32") else ("no_vdso", "confined"):
            yield test_special, binary, kind
        for test in (test_blocking, test_stopped, test_signals, test_killed, test_calls,
                     test_refusals):
            yield test, binary


def main():
    if os.geteuid() != 0:
        print("this needs root")
        sys.exit(77)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(patiently, *test) for test in tests(build())]:
            done.result()


main()
