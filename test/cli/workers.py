#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The runner's workers: one serves case after case, in one pid namespace; not any more after a case
that failed, that left a mount or a process beside it, or that is none of many. What a case leaves
below it is ended; a case that takes its worker along has failed, and is run once more, alone.

wl: needs root
wl: areas cli-rpc"""

import contextlib
import io
import os
import signal
import subprocess
import sys
import types

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import runner, system  # noqa: E402
from lib.result import Failure, Skip  # noqa: E402

SLEEP = ["setsid", "sleep", "1000"]


class Case:
    needs = []
    timeout = 60
    meta = types.SimpleNamespace(lane="", idle=False)

    def __init__(self, name, body, one_of_many=True):
        self.name, self.body, self.one_of_many = name, body, one_of_many

    def run(self, _folder, _build_error):
        with open("ran", "a", encoding="ascii") as f:
            # Its id is one of many thousands in its namespace; that of the namespace comes again.
            f.write(f"{self.name} {os.getpid()}\n")
        self.body()


def nothing():
    pass


def leaves_child():
    subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL)


def mounts():
    subprocess.run(["mount", "-t", "tmpfs", "none", "/mnt"], check=True)


def leaves_process_beside():
    """A child of the namespace's init, which is not below the worker."""
    system._prctl(system.PR_SET_CHILD_SUBREAPER, 0)
    subprocess.run(["sh", "-c", "setsid sleep 1000 >/dev/null &"], check=True)
    system.become_subreaper()


def fails():
    raise Failure("it is to fail")


def skips():
    raise Skip("nothing")


def dies():
    os.kill(os.getpid(), signal.SIGKILL)


def served(*cases):
    """Of each run, in order: its name, and the number of its worker; and the outcomes."""
    if os.path.exists("ran"):
        os.unlink("ran")
    run = runner.Runner(1, False, False, {})
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        run.run(cases)
    run.close()
    with open("ran", encoding="ascii") as f:
        lines = [line.split() for line in f]
    workers = []
    for _, worker in lines:
        if worker not in workers:
            workers.append(worker)
    return " ".join(f"{name}:{workers.index(worker)}" for name, worker in lines), \
        {outcome.name: (outcome.kind, outcome.text) for outcome in run.outcomes}


def check(got, want):
    if got != want:
        sys.exit(f"{got}\nis not\n{want}")


def main():
    system.become_subreaper()
    system.private_run()
    os.chdir(os.environ["TESTDIR"])
    before, after = Case("before", nothing), Case("after", nothing)
    for body, another in ((nothing, 0), (leaves_child, 0), (mounts, 1),
                          (leaves_process_beside, 1), (skips, 1)):
        order, outcomes = served(before, Case("it", body), after)
        check((body.__name__, order), (body.__name__, f"before:0 it:0 after:{another}"))
        check(outcomes["after"][0], "pass")
    order, _ = served(before, Case("it", nothing, one_of_many=False), after)
    check(order, "before:0 it:0 after:1")
    order, outcomes = served(before, Case("it", fails), after)
    check(order, "before:0 it:0 after:1 it:1")
    check(outcomes["it"], ("fail", "it is to fail"))
    order, outcomes = served(before, Case("it", dies), after)
    check(order, "before:0 it:0 after:1 it:1")
    kind, text = outcomes["it"]
    check((kind, "without a report" in text), ("fail", True))
    left = system.descendants(os.getpid())
    check(left, [])


main()
