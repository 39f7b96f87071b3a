# SPDX-License-Identifier: Apache-2.0
"""For the scripts beside: the tree of subject.c, started, looked at, and dumped or restored by a
tool that may be killed at a moment of the script's choice."""

import atexit
import mmap
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import needs, system  # noqa: E402

TOOL = os.environ["CRTOOLS"]
HERE = os.path.join(os.environ["SOURCE"], "test", "fault")
SLOT = struct.Struct("=24sQ96s")
SLOTS = 32
_STATE = re.compile(r"^(State|TracerPid):\t(\S+)", re.M)
SLOT32 = 128  # i386 aligns a 64-bit number to 4 bytes: 24 + 8 + 96 there, too


def fail(text):
    sys.exit(text)


def check(condition, text):
    if not condition:
        fail(text)


def begin():
    """To be called first: what a restore leaves to us are children of ours."""
    if os.geteuid() != 0:
        print("this needs root")
        sys.exit(77)
    # Ids in a namespace of our own: nobody takes those of a tree that is dead for the moment.
    if not os.environ.get("CRTOOLS_TEST_OWN_IDS"):
        os.environ["CRTOOLS_TEST_OWN_IDS"] = "yes"
        os.execvp("unshare", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                              sys.executable, *sys.argv])
    # Whoever started the tests in the background ignores it, and so would the tool.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    system.become_subreaper()
    system.private_run()
    os.chdir(os.environ["TESTDIR"])


def compile_subject(name, *words):
    source = os.path.join(HERE, "subject.c")
    done = subprocess.run(["gcc", "-std=gnu17", "-O2", "-pthread", *words, "-o", name, source],
                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    return done.returncode == 0, done.stderr


class Subject:
    """The running tree. Its processes must not be ours to reap but for the root."""

    def __init__(self, compat=True):
        good, said = compile_subject("subject")
        check(good, said)
        words = [os.path.abspath("subject"), os.path.abspath("status")]
        if compat and not needs.lacks("32bit") and compile_subject("subject32", "-m32")[0]:
            words.append(os.path.abspath("subject32"))
        proc = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)
        proc.returncode = 0
        self.pid = proc.pid
        self.wanted = 15 + (3 if len(words) > 2 else 0)
        atexit.register(self.end)
        deadline = time.monotonic() + 60
        while not os.path.exists("status") or os.path.getsize("status") < SLOTS * SLOT.size:
            check(time.monotonic() < deadline, "the subject did not start")
            time.sleep(0.01)
        with open("status", "rb") as f:
            self.map = mmap.mmap(f.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)
        while len(self.slots()) < self.wanted or not all(b for _, b, _ in self.slots()):
            check(time.monotonic() < deadline, f"the subject did not start: {self.slots()}")
            time.sleep(0.01)
        # The one that ends at once may not have come to it yet, on a busy machine.
        while not any(system.process_state(p) == "Z" for p in self.processes()) or \
                not any(system.process_state(p) == "T" for p in self.processes()):
            check(time.monotonic() < deadline, "none of the subject is dead, or none stopped")
            time.sleep(0.01)
        self.tasks = self.threads()
        self.maps = self.all_maps()

    def slots(self):
        """(name, beats, complaint) of each actor that counts."""
        found = []
        for i in range(SLOTS):
            name, beats, error = SLOT.unpack_from(self.map, i * SLOT.size)
            name = name.rstrip(b"\0").decode()
            if name and (name != "stopped" or error.rstrip(b"\0")):
                found.append((name, beats, error.split(b"\0")[0].decode()))
        return found

    def processes(self):
        return [self.pid] + system.descendants(self.pid)

    def threads(self):
        found = []
        for pid in self.processes():
            try:
                found += map(int, os.listdir(f"/proc/{pid}/task"))
            except OSError:
                pass
        return sorted(found)

    def all_maps(self):
        return {pid: system.read_text(f"/proc/{pid}/maps") for pid in self.processes()}

    def check_states(self, context, limit=2.0):
        """All are there, none is traced, and only the one that has to be is stopped."""
        deadline = time.monotonic() + limit
        while True:
            wrong = self._wrong_states()
            if not wrong:
                return
            check(time.monotonic() < deadline, f"{context}: {wrong}")
            time.sleep(0.001)

    def _wrong_states(self):
        now = self.threads()
        if now != self.tasks:
            return f"threads {self.tasks} became {now}"
        stopped = 0
        for pid in self.processes():
            for tid in os.listdir(f"/proc/{pid}/task") if system.exists(pid) else []:
                text = system.read_text(f"/proc/{pid}/task/{tid}/status") or ""
                fields = dict(_STATE.findall(text))
                if fields.get("TracerPid") != "0":
                    return f"thread {tid} is traced by {fields.get('TracerPid')}"
                state = fields.get("State", "?")
                if state == "t":
                    return f"thread {tid} is in state {state}"
                stopped += state == "T"
        return "" if stopped == 1 else f"{stopped} threads are stopped, not one"

    def check_beats(self, context, limit=5.0):
        """Every actor counts on, and has no complaint."""
        before = {name: beats for name, beats, _ in self.slots()}
        deadline = time.monotonic() + limit
        while True:
            now = self.slots()
            for name, _, error in now:
                check(not error, f"{context}: {name}: {error}")
            silent = [name for name, beats, _ in now if beats < before[name] + 2]
            if not silent:
                return
            check(time.monotonic() < deadline,
                  f"{context}: went no further: {', '.join(silent)}\n" + self.explain())
            time.sleep(0.002)

    def explain(self):
        lines = []
        for pid in filter(system.exists, self.processes()):
            for tid in os.listdir(f"/proc/{pid}/task"):
                base = f"/proc/{pid}/task/{tid}/"
                status = system.read_text(base + "status") or ""
                keep = [x for x in status.splitlines()
                        if x.startswith(("State", "SigBlk", "SigPnd", "ShdPnd", "TracerPid"))]
                lines.append(f"{pid}/{tid} {system.read_text(base + 'syscall')!r} {keep}")
        return "\n".join(lines)

    def check_well(self, context):
        self.check_states(context)
        self.check_beats(context)

    def check_maps(self, context):
        """No mapping more or less than at the start. (Stacks and heaps of these don't grow. A
        32-bit process that was restored shows the page of old system calls, as all do that were
        not made by exec.)"""
        for pid, maps in self.all_maps().items():
            before = (self.maps.get(pid) or "").splitlines()
            now = (maps or "").splitlines()
            diff = [f"- {x}" for x in before if x not in now]
            diff += [f"+ {x}" for x in now if x not in before and "[vsyscall]" not in x]
            check(not diff, f"{context}: the memory map of {pid} changed:\n" + "\n".join(diff))

    def end(self):
        for pid in reversed(self.processes()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        deadline = time.monotonic() + 5
        while system.exists(self.pid) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.002)
        system.reap()


def describe(pid):
    """Of a task that ought to be gone: what it is at, and what it has been sent."""
    lines = []
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return f"{pid} has gone"
    for tid in tids:
        base = f"/proc/{pid}/task/{tid}/"
        status = system.read_text(base + "status") or ""
        keep = [x.replace("\t", " ") for x in status.splitlines()
                if x.startswith(("Name", "State", "PPid", "SigBlk", "SigPnd", "ShdPnd",
                                 "TracerPid", "VmRSS", "nonvoluntary"))]
        lines.append(f"{pid}/{tid} call {system.read_text(base + 'syscall')!r} {keep} "
                     f"stack {system.read_text(base + 'stack')!r}")
    return "\n".join(lines)


def await_gone(pids, context, limit=3.0):
    """What is late is looked at twice, and waited for: a task that is slow to end is not one that
    stays."""
    start = time.monotonic()
    late = None
    while any(os.path.exists(f"/proc/{pid}") for pid in pids):
        system.reap()
        now = time.monotonic() - start
        if now > limit and not late:
            left = [f"{p} {system.process_state(p)}" for p in pids if system.exists(p)]
            late = f"{context}: tasks are left: {left}\n" + "\n".join(map(describe, pids))
        if now > 10 * limit:
            fail(f"{late}\nafter {now:.0f} s\n" + "\n".join(map(describe, pids)))
        time.sleep(0.001)
    check(not late, f"{late}\ngone after {time.monotonic() - start:.1f} s")


def end(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    await_gone(pids, "the end")


def environment(fault=None):
    env = dict(os.environ)
    env.pop("CRTOOLS_FAULT", None)
    if fault:
        env["CRTOOLS_FAULT"] = fault
    return env


def run(*words, fault=None, limit=60):
    """(exit status, output) of the tool; negative: killed by that signal."""
    done = subprocess.run([TOOL, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=limit,
                          env=environment(fault))
    return done.returncode, done.stdout


class Held:
    """A run of the tool that waits at a fault point."""

    def __init__(self, point, *words, **more):
        self.proc = subprocess.Popen([TOOL, *words], stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                     env=environment(point + ":sleep"), **more)
        self.pid = self.proc.pid
        deadline = time.monotonic() + 10
        while "nanosleep" not in (system.read_text(f"/proc/{self.pid}/wchan") or ""):
            check(time.monotonic() < deadline and self.proc.poll() is None,
                  f"{point}: the tool does not wait there")
            time.sleep(0.001)

    def go_on(self, sig=signal.SIGCONT):
        """(exit status, output); with another signal, of a run that gets this one there."""
        self.proc.send_signal(sig)
        said = self.proc.communicate(timeout=30)[0]
        return self.proc.returncode, said


def run_killed(delay, *words, sig=signal.SIGKILL):
    """Starts the tool and sends it a signal after so many seconds. Its status; 0 if it was done."""
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawn(TOOL, [TOOL, *words], environment(),
                         file_actions=[(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)])
    os.close(null)
    start = time.monotonic()
    while time.monotonic() - start < delay:
        left = delay - (time.monotonic() - start)
        if left > 0.0003:
            time.sleep(left - 0.0002)
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def measured(*words):
    """How long the tool takes, undisturbed, in seconds: the middle one of five runs."""
    times = []
    for _ in range(5):
        start = time.monotonic()
        status, said = run(*words)
        times.append(time.monotonic() - start)
        check(status == 0, f"{words} failed: {said}")
    return sorted(times)[2]


def instants(count, span):
    """So many delays all over the span, in random order: one in each of as many equal parts."""
    seed = int(os.environ.get("CRTOOLS_TEST_SEED", time.time()))
    print(f"seed {seed}")
    chance = random.Random(seed)
    found = [(i + chance.random()) * span / count for i in range(count)]
    chance.shuffle(found)
    return found


def kills(default):
    return int(os.environ.get("CRTOOLS_TEST_KILLS", default))


# --- what is taken out of an object for a moment ------------------------------------------------


def said_by_holder():
    with open("said", encoding="utf-8") as f:
        return f.read()


def start_holder(program):
    with open("said", "wb") as said:
        proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", program],
                                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                start_new_session=True)
    deadline = time.monotonic() + 20
    while said_by_holder() != "ready\n":
        check(proc.poll() is None and time.monotonic() < deadline,
              f"no start: {said_by_holder()}")
        time.sleep(0.005)
    return proc


def give_up_on_helper(tree, words, point, does):
    """A dump whose helping process does not go on, at this point, is given up and says which, and
    the tree runs. The helper goes on afterwards."""
    with open("given-up", "w+", encoding="utf-8") as out:
        start = time.monotonic()
        done = subprocess.run([TOOL, *words, "--timeout", "2"], stdin=subprocess.DEVNULL,
                              stdout=out, stderr=out, env=environment(f"{point}:sleep"), timeout=60)
        took = time.monotonic() - start
        out.seek(0)
        said = out.read()
    check(done.returncode == 1 and does in said, f"status {done.returncode}: {said}")
    check(took < 4.5, f"it was given up after {took:.1f} s, not 2")
    status = system.read_text(f"/proc/{tree}/status") or ""
    check("TracerPid:\t0\n" in status and "State:\tS" in status, f"it was let go, and is {status}")
    helper = int(re.search(r"process (\d+) of crtools", said)[1])
    check(system.exists(helper), f"the helper {helper} has been killed: {said}")
    os.kill(helper, signal.SIGCONT)
    await_gone([helper], "a helper that goes on")


def hold_contents(program, point, helper, does):
    """A program that says "ready", is dumped by a tool that is killed and fails at the fault point
    where the contents are out, and at other instants, and says "good" after SIGTERM if it has them
    all."""
    os.mkdir("images")
    proc = start_holder(program)
    words = ["dump", "-D", "images", "-t", str(proc.pid), "-R"]
    for _ in range(5):
        status, said = run(*words, fault=f"{point}:kill")
        check(status == -signal.SIGKILL, f"killed, it ends with {status}: {said}")
        status, said = run(*words, fault=point)
        check(status == 1, f"it was to fail, and ends with {status}: {said}")
    give_up_on_helper(proc.pid, words, helper, does)
    span = measured(*words)
    for delay in instants(30, span):
        run_killed(delay, *words)
    status, said = run("clean")
    check(status == 0, said)
    proc.send_signal(signal.SIGTERM)
    check(proc.wait(20) == 0 and said_by_holder() == "ready\ngood\n", said_by_holder())
