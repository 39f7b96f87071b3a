# SPDX-License-Identifier: Apache-2.0
"""For the scripts beside: starts a process as the root of a tree of its own, dumps it, restores it
with words of the script's choice, and leaves nothing behind."""

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import system  # noqa: E402

TOOL = os.environ["CRTOOLS"]
CLONE_NEWNET = 0x40000000


def fail(text):
    sys.exit(text)


def skip(reason):
    print(reason)
    sys.exit(77)


def check(condition, text):
    if not condition:
        fail(text)


def await_true(what, condition, limit=60, pause=0.005):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            fail(f"{what}: not within {limit} seconds")
        time.sleep(pause)


def start_time(pid):
    """Tells a process from a later one with its number; None: there is none."""
    text = system.read_text(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[19] if text else None


class Said:
    """How a verb ended: truth, and all that it had to say."""

    def __init__(self, good, text):
        self.good = good
        self.text = text

    def __bool__(self):
        return self.good


class Tree:
    """A program run as a session leader with nothing open but what it is given: standard input
    from /dev/null, output into the file "log", and pass_fds."""

    def __init__(self, argv, pass_fds=()):
        self.log = os.path.abspath("log")
        with open(self.log, "ab") as log:
            proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    pass_fds=pass_fds, start_new_session=True)
        self.pid = proc.pid
        proc.returncode = 0  # waited for here, not by subprocess
        self.number = 0
        self.images = None
        self.folder = os.getcwd()  # where the images go
        atexit.register(self.end)

    def _command(self, verb, words, pass_fds=()):
        log = os.path.join(self.images, f"{verb}-{self.number}.log")
        done = subprocess.run([TOOL, verb, "-D", self.images, "-o", log, "-v4", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, pass_fds=pass_fds, timeout=300)
        text = done.stdout + (system.read_text(log) or "")
        return Said(done.returncode == 0, text)

    def dump(self, *words):
        self.number += 1
        self.images = os.path.join(self.folder, f"images-{self.number}")
        os.mkdir(self.images)
        before = {pid: start_time(pid) for pid in [self.pid] + system.descendants(self.pid)}
        said = self._command("dump", ["-t", str(self.pid), *words])
        if said and "-R" not in words:
            def gone():
                system.reap()
                return not any(start and start_time(pid) == start
                               for pid, start in before.items())
            await_true("the end of the dumped tree", gone)
        return said

    def restore(self, *words, pass_fds=()):
        return self._command("restore", ["-d", *words], pass_fds)

    def must_dump(self, *words):
        said = self.dump(*words)
        check(said, f"the dump failed:\n{said.text[-3000:]}")

    def must_restore(self, *words, pass_fds=()):
        said = self.restore(*words, pass_fds=pass_fds)
        check(said, f"the restore failed:\n{said.text[-3000:]}")

    def alive(self):
        return system.exists(self.pid)

    def check_gone(self):
        """After a refused restore; a killed task may take a moment to end."""
        deadline = time.monotonic() + 1
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        check(not self.alive(), "the refused restore left the task behind")

    def finish(self, sig=signal.SIGTERM):
        """Sends the signal, and returns the wait status."""
        os.kill(self.pid, sig)
        status = system.wait_child(self.pid, 60)
        check(status is not None, "the program did not end")
        return status

    def end(self):
        """With SIGKILL, all of it; afterwards its ids are free."""
        pids = [self.pid] + system.descendants(self.pid)
        for pid in pids:
            try:
                if pid != os.getpid():
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

        def gone():
            system.reap()
            return not any(os.path.exists(f"/proc/{pid}") for pid in pids)
        await_true("the end of the tree", gone)


def python(code, *args, pass_fds=()):
    """A tree that runs a text as a Python program."""
    return Tree([sys.executable, "-I", "-S", "-c", code, *map(str, args)], pass_fds)


def read_lines(fd, count):
    """So many lines from a descriptor, as soon as they are there."""
    os.set_blocking(fd, False)
    text = b""

    def enough():
        nonlocal text
        try:
            text += os.read(fd, 65536)
        except BlockingIOError:
            pass
        return text.count(b"\n") >= count

    await_true(f"{count} lines through a pipe", enough)
    return text.decode().splitlines()[:count]


def new_network():
    """A network namespace of its own, for this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET):
        fail(f"unshare: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def begin():
    """To be called first: what a restore leaves to us are children of ours."""
    if os.geteuid() != 0:
        skip("this needs root")
    system.become_subreaper()
    system.private_run()
    os.chdir(os.environ["TESTDIR"])
