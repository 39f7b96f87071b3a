# SPDX-License-Identifier: Apache-2.0
"""For the scripts beside: a real program is dumped and restored five times in a row while it
works, and in the end what it has done is compared with a run that nobody interrupted. Between two
dumps it must have gone on working: a tree that came back dead, or stands still, is found at once.

The programs write lines as they go on; such a log has to be equal, byte for byte, to that of the
uninterrupted run: a counter that went back, a step made twice or left out shows in it."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test", "cli"))
import dumped  # noqa: E402
from dumped import check, fail, skip, system  # noqa: E402, F401

HERE = os.path.join(os.environ["SOURCE"], "test", "app")
CYCLES = 5


def begin():
    dumped.begin()


def run(argv, **keywords):
    """A command that has to succeed. Its output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **keywords)
    check(done.returncode == 0, f"{' '.join(argv)} ended with status {done.returncode}:\n"
                                f"{done.stdout[-2000:].decode(errors='replace')}")
    return done.stdout


def compile_c(name, *flags):
    """A program from a C file beside this one, in the test's folder."""
    run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-pthread", *flags, "-o", name,
         os.path.join(HERE, f"{name}.c"), "-lm"])
    return os.path.abspath(name)


def size(path):
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


class App(dumped.Tree):
    """A tree under test. moved() is a number that grows while the program works; a cycle begins
    as soon as it is at least share of total further than after the last restore."""

    def __init__(self, argv, moved=None, total=None, pass_fds=()):
        super().__init__(argv, pass_fds)
        self.moved = moved or (lambda: size(self.log))
        self.total = total

    def await_progress(self, goal, limit=180):
        def there():
            check(self.alive(), f"the program ended too early, at {self.moved()} of {self.total}; "
                                f"its output:\n{(system.read_text(self.log) or '')[-2000:]}")
            return self.moved() >= goal

        dumped.await_true(f"progress to {goal} (now {self.moved()})", there, limit)

    def cycle(self, *words):
        # A process in vfork(2) can't be frozen: such a dump is refused, changes nothing, and the
        # next one finds the child in its own program.
        for _ in range(50):
            said = self.dump(*words)
            if said or "vfork" not in said.text:
                break
            check(self.alive(), "the refused dump ended the program")
        check(said, f"the dump failed:\n{said.text[-3000:]}")
        self.must_restore(*words)
        shutil.rmtree(self.images)

    def cycles(self, *words, times=CYCLES, verify=None):
        """Spreads the dumps over the first two thirds of the work."""
        step = max(1, self.total * 2 // (3 * times))
        last = 0
        for number in range(1, times + 1):
            self.await_progress(max(number * step, last + 1))
            self.cycle(*words)
            last = self.moved()
            if verify:
                verify()

    def wait(self, limit=120):
        status = system.wait_child(self.pid, limit)
        if status is None:
            fail(f"the program did not end, at {self.moved()} of {self.total}; its output:\n"
                 f"{(system.read_text(self.log) or '')[-2000:]}")
        check(status == 0, f"the program {system.describe_status(status)}; its output:\n"
                           f"{(system.read_text(self.log) or '')[-2000:]}")


def gated_log(argv, rounds, verify, times=CYCLES):
    """The same for a program that is large, and whose every round costs: it prints a line a round,
    and, given the name of a file, works as many rounds as that has bytes. So it is at work when a
    dump begins, and rests when it is looked at, however slow the machine is."""
    expected = run([*argv, str(rounds)])
    with open("gate", "wb", buffering=0) as gate:
        app = App([*argv, str(rounds), "gate"], total=rounds,
                  moved=lambda: (system.read_text(app.log) or "").count("\n"))
        step = rounds // (times + 1)
        for number in range(times):
            gate.write(b"." * step)
            app.await_progress(number * step + 1)
            app.cycle()
            verify(app)
        gate.write(b"." * (rounds - times * step))
        app.wait()
    have = (system.read_text(app.log) or "").encode()
    check(have == expected, f"the output is\n{have.decode()}\nnot\n{expected.decode()}")


def same_log(argv, quick=(), paced=(), words=(), limit=120, verify=None):
    """The whole of it for a program that prints as it goes on: one run with the words of quick,
    uninterrupted; one with those of paced, dumped and restored; both have to print the same."""
    expected = run([*argv, *quick])
    app = App([*argv, *paced], total=len(expected))
    app.cycles(*words, verify=verify and (lambda: verify(app)))
    app.wait(limit)
    with open(app.log, "rb") as log:
        text = log.read()
    if text != expected:
        for number, (have, want) in enumerate(zip(text.splitlines(), expected.splitlines()), 1):
            check(have == want, f"line {number} is {have!r}, not {want!r}")
        fail(f"the output has {len(text)} bytes, not {len(expected)}: "
             f"{text[len(expected):][:200]!r}")
