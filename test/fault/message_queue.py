#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Messages of a POSIX queue without a name are received by a dump, and sent again: also if the tool
is killed while they are out, or fails. All are there afterwards, with their priorities, in order.

wl: needs root
wl: areas pidfd-memfd-misc-fds"""

import survivors

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

survivors.begin()
survivors.hold_contents(HOLDER, "dump-messages", "helper-messages", "which receives the messages")
