#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""python3 with state of many kinds: threads that hand work to one another, generators, a
compressor, hashes, random numbers, big integers, an object graph, a data base in memory, an
interval timer with a handler, a file that is read a line at a time.

wl: needs root
wl: areas memory threads timers files
wl: idle"""

import sys

import cycles

PROGRAM = r"""
import collections, decimal, hashlib, itertools, queue, random, signal, sys, threading, time, zlib
try:
    import sqlite3
except ImportError:
    sqlite3 = None

pause = float(sys.argv[1])
ticks = itertools.count()
signal.signal(signal.SIGALRM, lambda *_: next(ticks))
signal.setitimer(signal.ITIMER_REAL, 0.003, 0.003)

def fibonacci():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b

def lines():
    with open(sys.argv[2]) as f:
        while True:
            for line in f:
                yield line
            f.seek(0)

class Node:
    def __init__(self, value, before):
        self.value, self.before = value, before
        self.me = self  # a cycle for the collector

asked, answered = queue.Queue(2), queue.Queue(2)
local = threading.local()

def worker():
    local.sum = 0
    while (item := asked.get()) is not None:
        local.sum = (local.sum * 31 + item) % (1 << 61)
        answered.put(local.sum)

threads = [threading.Thread(target=worker, name="worker")]
for thread in threads:
    thread.start()
numbers, text, source = fibonacci(), lines(), random.Random(7)
squeeze, digest = zlib.compressobj(9), hashlib.sha256()
names, chain = collections.OrderedDict(), None
base = sqlite3.connect(":memory:") if sqlite3 else None
if base:
    base.execute("create table t (n integer, s text)")
decimal.getcontext().prec = 50
root = decimal.Decimal(2)
for step in range(1500):
    asked.put(step)
    digest.update(squeeze.compress(source.randbytes(300) + bytes(200)))
    digest.update(str(next(numbers) % 10**40).encode())
    digest.update(next(text).encode())
    digest.update(str(answered.get()).encode())
    names[str(source.random())] = step
    if len(names) > 500:
        digest.update(names.popitem(False)[0].encode())
    chain = Node(step, chain if step % 100 else None)
    root = (root + 3 / root) / 2 + decimal.Decimal(step)
    if base:
        base.execute("insert into t values (?, ?)", (step, str(root)))
        total = base.execute("select sum(n), max(s) from t").fetchone()
        digest.update(repr(total).encode() if step % 50 == 0 else b"")
    length, node = 0, chain
    while node:
        length, node = length + node.value, node.before
    print(step, length, root, digest.hexdigest(), flush=True)
    time.sleep(pause)
signal.setitimer(signal.ITIMER_REAL, 0)
for thread in threads:
    asked.put(None)
for thread in threads:
    thread.join()
if pause and next(ticks) < 100:
    print("the timer fired", next(ticks), "times")
"""


def main():
    cycles.begin()
    with open("program.py", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    argv = [sys.executable, "program.py"]
    text = cycles.__file__
    cycles.same_log(argv, ["0", text], ["0.002", text])


main()
