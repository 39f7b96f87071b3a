# SPDX-License-Identifier: Apache-2.0
"""For the scripts beside: a terminal, with a program in it, of which the script types and sees the
output."""

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import system  # noqa: E402

TOOL = os.environ["CRTOOLS"]


def fail(text):
    sys.exit(text)


def check(condition, text):
    if not condition:
        fail(text)


class Terminal:
    def __init__(self, rows=24, columns=80):
        self.master, self.slave = pty.openpty()
        self.seen = ""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def start(self, argv, env=None):
        """As the leader of a session that the terminal controls, in its foreground."""
        pid = os.fork()
        if pid:
            return pid
        try:
            for sig in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP,
                        signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
                signal.signal(sig, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave, fd)
            os.closerange(3, 256)
            os.execvpe(argv[0], argv, env or {**os.environ, "TERM": "xterm", "PS1": "$ "})
        finally:
            os._exit(127)

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            self.seen += data.decode("utf-8", "replace")
        return self.seen

    def expect(self, text, limit=20):
        """Waits until it was shown, and forgets all before it and itself."""
        deadline = time.monotonic() + limit
        while text not in self.seen:
            if time.monotonic() > deadline:
                fail(f"{text!r} was not shown within {limit} seconds, but:\n{self.seen[-3000:]}")
            self.read()
        before, _, self.seen = self.seen.partition(text)
        return before

    def close(self):
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1


def end(pid):
    for one in [pid] + system.descendants(pid):
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass
    system.reap()


def await_true(what, condition, limit=20):
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            fail(f"{what}: not within {limit} seconds")
        time.sleep(0.005)


def await_gone(pid):
    def gone():
        system.reap()
        return not os.path.exists(f"/proc/{pid}")

    await_true(f"the end of process {pid}", gone)
