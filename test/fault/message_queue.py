#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Messages of a POSIX queue without a name are received by a dump, and sent again: also if the tool
is killed while they are out, or fails. All are there afterwards, with their priorities, in order.

wl: needs root
wl: areas pidfd-memfd-misc-fds"""

import os
import signal
import subprocess
import sys
import time

import survivors
from survivors import check, run

HOLDER = r"""
import ctypes, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
libc = ctypes.CDLL(None, use_errno=True)
def must(ret):
    if ret < 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    return ret
QUEUES, MOST, SIZE = 8, 10, 8192 # what anybody may have (RLIMIT_MSGQUEUE, mq_overview(7))
def message(queue, n):
    return b"message %d of %d " % (n, queue) + bytes([n]) * (n * 797)
def make(number):
    attr = (ctypes.c_long * 8)(0, MOST, SIZE)
    name = b"/crtools-test-%d" % os.getpid()
    queue = must(libc.mq_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NONBLOCK, 0o600,
                              attr))
    must(libc.mq_unlink(name))
    for n in range(MOST):
        must(libc.mq_send(queue, message(number, n), len(message(number, n)), n % 3))
    return queue
queues = [make(number) for number in range(QUEUES)]
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
buf, priority = ctypes.create_string_buffer(SIZE), ctypes.c_uint()
for number, queue in enumerate(queues):
    for n in (2, 5, 8, 1, 4, 7, 0, 3, 6, 9):
        size = must(libc.mq_receive(queue, buf, SIZE, ctypes.byref(priority)))
        if buf.raw[:size] != message(number, n) or priority.value != n % 3:
            sys.exit(f"message {n} is {buf.raw[:40]}, {size} bytes, priority {priority.value}")
    if libc.mq_receive(queue, buf, SIZE, None) >= 0:
        sys.exit(f"one more than there were: {buf.raw[:40]}")
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
        status, said = run(*words, fault="dump-messages:kill")
        check(status == -signal.SIGKILL, f"killed, it ends with {status}: {said}")
        status, said = run(*words, fault="dump-messages")
        check(status == 1, f"it was to fail, and ends with {status}: {said}")
    span = survivors.measured(*words)
    for delay in survivors.instants(30, span):
        survivors.run_killed(delay, *words)
    status, said = run("clean")
    check(status == 0, said)
    proc.send_signal(signal.SIGTERM)
    check(proc.wait(20) == 0 and text() == "ready\ngood\n", text())


main()
