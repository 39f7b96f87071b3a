#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trees that fork, clone, exec and end thousands of times a second, threads that make threads,
threads whose exec ends all others of their process, processes of several threads that end while
they make more, children that kill each other, a fork bomb of two hundred: each is dumped eight to
forty times while two other processes take the processors. A dump takes the whole tree or says what
it can't keep; the tree goes on, and what is restored has every task: all who were born are waited
for in the end.

wl: needs root
wl: areas task threads
wl: timeout 900"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import cycles
from cycles import check, dumped, system

# How many dumps each gets; those with hundreds of tasks get fewer.
STORMS = {"fork": 20, "exec": 20, "relay": 20, "threads": 40, "races": 20, "clone": 8,
          "kill": 20, "bomb": 8}
RESTORES = 4
# A machine that has more to do than this test lets a tree come to rest late.
PATIENT = ("--timeout", "60")
# What a storm may be refused for, since a task of it is just there: a child of vfork(2) before its
# exec, a process whose first thread has ended before the others.
TRANSIENT = ("vfork", "leader has ended")


class Storm(cycles.App):
    def __init__(self, program, name):
        super().__init__([program, name])
        self.name = name
        self.refused = 0

    def copy(self):
        """A dump that leaves the tree running."""
        self.number += 1
        self.images = os.path.join(self.folder, f"images-{self.number}")
        os.mkdir(self.images)
        return self._command("dump", ["-t", str(self.pid), "-R", *PATIENT])

    def one(self, number):
        leave = number % (STORMS[self.name] // RESTORES) != 0
        said = self.copy() if leave else self.dump(*PATIENT)
        if said and not leave:
            self.must_restore()
        elif not said:
            refusals = [line for line in said.text.splitlines() if line.startswith("Refused:")]
            check(refusals and all(any(word in line for word in TRANSIENT) for line in refusals),
                  f"{self.name}, dump {number} failed:\n{said.text[-3000:]}")
            self.refused += 1
        shutil.rmtree(self.images)
        check(self.alive(), f"{self.name}: the tree ended after dump {number}:\n"
                            f"{(system.read_text(self.log) or '')[-1000:]}")


def run(program, name):
    begin, dumps = time.monotonic(), STORMS[name]
    if os.path.exists("log"):
        os.remove("log")
    storm = Storm(program, name)
    storm.await_progress(1)
    for number in range(1, dumps + 1):
        # Not in step with the storm's own rhythm.
        time.sleep(random.uniform(0, 0.01))
        storm.one(number)
    moved = storm.moved()
    storm.await_progress(moved + 1)
    os.kill(storm.pid, signal.SIGTERM)
    status = system.wait_child(storm.pid, 60)
    check(status == 0, f"{name}: the tree {system.describe_status(status)}:\n"
                       f"{(system.read_text(storm.log) or '')[-300:]}")
    check((system.read_text(storm.log) or "").endswith("whole\n"), f"{name}: it has no good end")
    check(storm.refused <= dumps // 2, f"{name}: {storm.refused} of {dumps} dumps were refused")
    print(f"{name}: {storm.refused} of {dumps} dumps refused, "
          f"{time.monotonic() - begin:.1f} s", flush=True)


def main():
    cycles.begin()
    program = cycles.compile_c("storms")
    load = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        for name in sys.argv[1:] or STORMS:
            run(program, name)
    finally:
        for proc in load:
            proc.kill()
            proc.wait()


main()
