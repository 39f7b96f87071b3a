#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What waits in terminals is taken out by a dump, and put back: also if the tool is killed while
it is out, or fails. Lines, one that is not complete, raw bytes, and more than a line discipline
holds are there afterwards, as they were, and so are the terminals' modes.

wl: needs root
wl: lane tty
wl: areas tty"""

import os
import signal
import subprocess
import sys
import time

import survivors
from survivors import check, run

HOLDER = r"""
import os, pty, signal, sys, termios, tty
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
lines, raw = pty.openpty(), pty.openpty()
for pair in (lines, raw):
    modes = termios.tcgetattr(pair[1])
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(pair[1], termios.TCSANOW, modes)
tty.setraw(raw[1])
typed = b"".join(b"line %d\n" % n for n in range(700))
os.write(lines[0], typed + b"not comp")
bytes_ = bytes(range(256)) * 20
os.write(raw[0], bytes_)
before = [termios.tcgetattr(pair[1]) for pair in (lines, raw)]
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
after = [termios.tcgetattr(pair[1]) for pair in (lines, raw)]
os.write(lines[0], b"lete\n")
for pair, want in ((lines, typed + b"not complete\n"), (raw, bytes_)):
    os.set_blocking(pair[1], False)
    got = b""
    try:
        while True:
            got += os.read(pair[1], 4096)
    except BlockingIOError:
        pass
    if got != want:
        sys.exit(f"{len(got)} bytes, not {len(want)}: {got[:50]} ... {got[-50:]}")
if before != after:
    sys.exit(f"modes were {before}, and are {after}")
print("good", flush=True)
"""


def text():
    with open("said", encoding="utf-8") as f:
        return f.read()


def start():
    with open("said", "wb") as said:
        proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", HOLDER],
                                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                start_new_session=True)
    deadline = time.monotonic() + 20
    while text() != "ready\n":
        check(proc.poll() is None and time.monotonic() < deadline, f"no start: {text()}")
        time.sleep(0.005)
    return proc


def main():
    survivors.begin()
    os.mkdir("images")
    proc = start()
    words = ["dump", "-D", "images", "-t", str(proc.pid), "-R"]
    for _ in range(5):
        status, said = run(*words, fault="dump-terminal:kill")
        check(status == -signal.SIGKILL, f"killed, it ends with {status}: {said}")
        status, said = run(*words, fault="dump-terminal")
        check(status == 1, f"it was to fail, and ends with {status}: {said}")
    span = survivors.measured(*words)
    for delay in survivors.instants(30, span):
        survivors.run_killed(delay, *words)
    status, said = run("clean")
    check(status == 0, said)
    proc.send_signal(signal.SIGTERM)
    check(proc.wait(20) == 0 and text() == "ready\ngood\n", text())


main()
