#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Processes that help a dump, a restore or a check for a moment, and tasks that are just being
restored, are stopped by somebody: the tool gives up after --timeout, names the process and what it
was there for, and leaves nothing behind. The tree that was to be dumped runs, with its sockets as
they were; the same dump or restore goes through when nobody is in its way.

wl: needs root
wl: timeout 240
wl: areas task"""

import os
import re
import signal
import subprocess
import sys
import time

import survivors
from survivors import TOOL, await_gone, check, end, environment, run

from lib import needs, system

LIMIT = 2
START = """
import ctypes, os, signal, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
PEEK_OFF = 42
def await_end():
    print("ready", flush=True)
    signal.sigwait([signal.SIGTERM])
"""
END = 'print("good", flush=True)\n'
UDP = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
for text in (b"one", b"two"):
    s.sendto(text, s.getsockname())
await_end()
if s.getsockopt(socket.SOL_SOCKET, PEEK_OFF) != -1:
    sys.exit("SO_PEEK_OFF was not put back")
if (s.recv(9), s.recv(9)) != (b"one", b"two"):
    sys.exit("datagrams are missing")
"""
UNIX = """
a, b = socket.socketpair()
b.setsockopt(socket.SOL_SOCKET, PEEK_OFF, 3)
a.send(b"abcdefgh")
await_end()
if b.getsockopt(socket.SOL_SOCKET, PEEK_OFF) != 3 or b.recv(99) != b"abcdefgh":
    sys.exit("the queue is not as it was")
"""
NO_NEW_PRIVS = """
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
if libc.prctl(38, 1, 0, 0, 0):
    sys.exit("PR_SET_NO_NEW_PRIVS")
await_end()
"""
RING = """
ring = libc.syscall(425, 8, ctypes.create_string_buffer(120))
if ring < 0:
    sys.exit(77)
await_end()
"""
COOKIE = """
if libc.prctl(62, 1, 0, 0, 0):
    sys.exit(77)
await_end()
"""
CREDENTIALS = """
s = socket.socket(socket.AF_UNIX)
s.bind("\\0crtools-test-%d" % os.getpid())
pid = os.fork()
if pid == 0:
    s.listen()
    os._exit(0)
os.waitpid(pid, 0)
await_end()
"""
GONE = """
pid = os.fork()
if pid == 0:
    os._exit(0)
fd = os.pidfd_open(pid)
os.waitpid(pid, 0)
await_end()
"""
TREE = """
if os.fork() == 0:
    if os.fork() == 0:
        os._exit(0)
    await_end()
    os._exit(0)
await_end()
"""
# Without the kernel's memory (BPF) rings are looked at from outside.
NO_BPF = ("setpriv", "--bounding-set", "-sys_admin,-bpf,-perfmon", "--inh-caps", "-all")
PAUSE_32 = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"


def start(program):
    """None: this machine has not what it needs."""
    with open("said", "wb") as said:
        proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", START + program + END],
                                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                start_new_session=True)
    deadline = time.monotonic() + 20
    while "ready" not in survivors.said_by_holder():
        if proc.poll() == 77:
            return None
        check(proc.poll() is None and time.monotonic() < deadline,
              f"no start: {survivors.said_by_holder()}")
        time.sleep(0.005)
    proc.returncode = 0
    return proc.pid


def tool(words, fault=None, prefix=()):
    done = subprocess.run([*prefix, TOOL, *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
                          env=environment(fault))
    return done.returncode, done.stdout


def limited(words, point, does, prefix=()):
    """The tool with a helper that does not go on."""
    began = time.monotonic()
    status, said = tool([*words, "--timeout", str(LIMIT)], f"{point}:sleep", prefix)
    took = time.monotonic() - began
    check(status == 1 and re.search(does, said), f"{point}: status {status}: {said}")
    check(took < 4 * LIMIT + 4, f"{point}: it was given up after {took:.1f} s")
    helper = int(re.search(r"(?:process|task) (\d+)", re.search(does, said)[0])[1])
    await_gone([helper], f"{point}: the helper")
    check(not os.listdir("/run/crtools"), f"{point}: a journal is left")


def images(name):
    folder = f"images-{name}-{time.monotonic_ns()}"
    os.mkdir(folder)
    return folder


def finish(pid, name):
    os.kill(pid, signal.SIGTERM)
    await_gone([pid], name)
    check(survivors.said_by_holder().endswith("good\n"),
          f"{name}: {survivors.said_by_holder()}")


def dump(point, program, does, prefix=()):
    pid = start(program)
    if not pid:
        print(f"{point}: not on this machine")
        return
    words = ["dump", "-D", images(point), "-t", str(pid), "-R"]
    limited(words, point, f"process \\d+ of crtools, which {does}", prefix)
    status = system.read_text(f"/proc/{pid}/status") or ""
    check("TracerPid:\t0\n" in status and re.search("State:\t[SR]", status), f"{point}: {status}")
    check(not os.listdir(words[2]), f"{point}: {os.listdir(words[2])} is left")
    status, said = tool(words, prefix=prefix)
    check(status == 0, f"{point}: afterwards: {said}")
    finish(pid, point)


def restore(point, pid, does):
    if not pid:
        print(f"{point}: not on this machine")
        return
    folder = images(point)
    status, said = run("dump", "-D", folder, "-t", str(pid))
    check(status == 0, f"{point}: {said}")
    await_gone([pid], point)
    words = ["restore", "-D", folder, "-d"]
    limited(words, point, f"process \\d+ of crtools, which {does}")
    await_gone([pid], point)
    status, said = run(*words)
    check(status == 0, f"{point}: afterwards: {said}")


def start_32bit():
    if needs.lacks("32bit"):
        return None
    with open("pause.c", "w", encoding="ascii") as f:
        f.write(PAUSE_32)
    if subprocess.run(["gcc", "-m32", "-o", "pause", "pause.c"], check=False).returncode:
        return None
    proc = subprocess.Popen(["./pause"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)
    proc.returncode = 0
    while "pause" not in (system.read_text(f"/proc/{proc.pid}/wchan") or "pause"):
        time.sleep(0.001)
    return proc.pid


def forked():
    """Each task of the tree, stopped as soon as it is there; then the dead one, by itself."""
    pid = start(TREE)
    folder = images("forked")
    deadline = time.monotonic() + 20
    while len(pids := [pid, *system.descendants(pid)]) < 3 or \
            system.process_state(pids[2]) != "Z":
        check(time.monotonic() < deadline, f"the tree does not come: {pids}")
        time.sleep(0.005)
    status, said = run("dump", "-D", folder, "-t", str(pid))
    check(status == 0, said)
    await_gone(pids, "dumped")
    for victim in pids:
        tool = subprocess.Popen([TOOL, "restore", "-D", folder, "-d", "--timeout", str(LIMIT)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                env=environment("task-forked:sleep"))
        sent = set()
        deadline = time.monotonic() + 20
        while victim not in sent:
            check(time.monotonic() < deadline and tool.poll() is None, f"{victim} is not forked")
            for task in pids:
                if task not in sent and \
                        "nanosleep" in (system.read_text(f"/proc/{task}/wchan") or ""):
                    sent.add(task)
                    os.kill(task, signal.SIGSTOP if task == victim else signal.SIGCONT)
        said = tool.communicate(timeout=60)[0]
        check(tool.returncode == 1 and
              re.search(rf"task {victim} was stopped by somebody|task {victim}, which is to be "
                        "dead, has not ended", said), f"{victim}: {tool.returncode}: {said}")
        await_gone(pids, f"{victim} was stopped")
    status, said = run("restore", "-D", folder, "-d")
    check(status == 0, said)
    end(pids)


def probe():
    """What can't be found out is not held to be missing by the next run."""
    tool = subprocess.Popen([TOOL, "check", "--feature", "sched_core"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=environment("helper-probe:sleep"))
    children = []
    deadline = time.monotonic() + 10
    while not children or "nanosleep" not in (system.read_text(f"/proc/{children[0]}/wchan") or ""):
        check(time.monotonic() < deadline and tool.poll() is None, "there is no child that probes")
        children = system.descendants(tool.pid)
    os.kill(children[0], signal.SIGSTOP)
    said = tool.communicate(timeout=30)[0]
    check(tool.returncode == 1 and "timed out" in said, f"{tool.returncode}: {said}")
    check(not system.exists(children[0]), "the child that probes is left")


def main():
    survivors.begin()
    os.mkdir("/run/crtools")
    before = run("check", "--feature", "sched_core")
    os.unlink("/run/crtools/features") if os.path.exists("/run/crtools/features") else None
    dump("helper-queue", UDP, "looks into queues of sockets")
    dump("helper-queue", UNIX, "looks into queues of sockets")
    dump("helper-ring", RING, "finds out how", NO_BPF)
    dump("helper-landlock", NO_NEW_PRIVS, "finds out whether thread")
    restore("helper-vdso", start_32bit(), "shows this kernel's 32-bit vdso")
    restore("helper-cookies", start(COOKIE), "gives core scheduling cookies again")
    for program, point, does in ((CREDENTIALS, "helper-credentials", "makes a unix socket"),
                                 (GONE, "helper-gone", "stands for one that has ended")):
        pid = start(program)
        restore(point, pid, does)
        finish(pid, point)
    forked()
    probe()
    check(run("check", "--feature", "sched_core") == before, "the next run takes it as missing")


main()
