# SPDX-License-Identifier: Apache-2.0
"""Runs cases, several at a time, each by a worker (worker.py), and reports them."""

import os
import select
import shutil
import sys
import tempfile
import time

from . import needs, system
from .telling import Teller
from .worker import Worker, unmount_below


class Outcome:
    """seconds: on the clock, from its start until all that it has left is gone; cpu: of processors,
    by all its processes that have ended."""

    def __init__(self, name, kind, text="", details="", seconds=0.0, cpu=0.0):
        self.name, self.kind, self.text, self.details = name, kind, text, details
        self.seconds, self.cpu = seconds, cpu


# Tests that mostly wait (wl: idle) run beside those that want a processor.
IDLE_JOBS = 4


def _meta(case):
    return getattr(case, "work", case).meta


class Runner:
    def __init__(self, jobs, keep, verbose, build_errors, teller=None):
        self.jobs = jobs
        self.keep = keep
        self.verbose = verbose
        self.build_errors = build_errors
        self.teller = teller or Teller()
        self.outcomes = []
        self.base = tempfile.mkdtemp(prefix="crtools-test-")
        os.chmod(self.base, 0o755)
        self.cases = []
        self.running = {}  # report descriptor: [worker, case, folder, start]
        self.waiting = []  # workers that have nothing to do
        self.number = 0
        # A machine under load makes time limits and races of tests fail: what fails is run once
        # more, alone, when all others are done, and is listed either way.
        self.again = []
        self.alone = False

    def note(self, outcome):
        self.outcomes.append(outcome)
        self.teller.tell("outcome", [outcome.name, outcome.kind, outcome.text, outcome.details,
                                     outcome.seconds])
        word = {"pass": "ok  ", "fail": "FAIL", "skip": "skip"}[outcome.kind]
        if outcome.kind == "fail" or self.verbose or outcome.kind == "pass":
            text = f": {outcome.text}" if outcome.text else ""
            print(f"{word} {outcome.name} ({outcome.seconds:.2f}s){text}")
        if outcome.kind == "fail" and outcome.details:
            print("\t" + outcome.details.rstrip().replace("\n", "\n\t"))
        sys.stdout.flush()

    def _workers(self):
        return [worker for worker, *_ in self.running.values()] + self.waiting

    def _work(self, number):
        case = self.cases[number]
        work = getattr(case, "work", None)
        return case, self.build_errors.get(work.name) if work else None

    def _start(self, case):
        self.number += 1
        folder = os.path.join(self.base, f"{self.number}")
        os.mkdir(folder)
        self.teller.tell("started", case.name)
        sys.stdout.flush()
        start = time.monotonic()
        worker = self.waiting.pop() if self.waiting else Worker(self._work, self._workers())
        worker.begin(self.cases.index(case), folder)
        self.running[worker.report] = [worker, case, folder, start]

    def _end(self, worker):
        """Its status, of a worker that ends."""
        worker.close()
        return os.waitpid(worker.pid, 0)[1]

    def _finish(self, reading, said):
        worker, case, folder, start = self.running.pop(reading)
        seconds = time.monotonic() - start
        if said:
            good, cpu, kind, reason, details, parts = said
        else:
            good, cpu, kind, details, parts = False, 0.0, "fail", "", None
        if good:
            self.waiting.append(worker)
        else:
            status = self._end(worker)
        if not said:
            reason = f"the test's process {system.describe_status(status)} without a report"
        system.kill_descendants_except([worker.pid for worker in self._workers()])
        unmount_below(folder)
        if kind == "fail" and self.keep:
            reason += f" (kept in {folder})"
        else:
            shutil.rmtree(folder, ignore_errors=True)
        if parts:  # a runner of its own, which has run again what failed
            for part in parts:
                self.note(Outcome(*part))
            return
        if kind == "fail" and case not in self.again and not self.alone:
            self.again.append(case)
            self.teller.tell("again", case.name, reason, details)
            print(f"again {case.name} ({seconds:.2f}s): {reason}")
            if details:
                # In other words than a failure's, for whoever looks through a long output.
                details = details.replace("FAIL", "fail")
                print("\t" + details.rstrip().replace("\n", "\n\t"))
            return
        self.note(Outcome(case.name, kind, reason, details, seconds, cpu))

    def _collect(self):
        ready, _, _ = select.select(list(self.running), [], [], 1.0)
        self.teller.alive()
        for reading in ready:
            said = self.running[reading][0].hear()
            if said is not None:
                self._finish(reading, said)
        # The case has its own time limit; this one is for a case that does not keep it.
        for worker, case, _, start in self.running.values():
            if time.monotonic() > start + case.timeout * 2 + 60:
                worker.kill()

    def run(self, cases):
        self.cases = list(cases)
        self._run(list(cases))
        self.alone = True
        jobs, self.jobs = self.jobs, 1
        self._run(list(self.again))
        self.jobs = jobs
        while self.waiting:
            self._end(self.waiting.pop())

    def _next(self, queue):
        """The first case for which there is room, and whose lane is free; None: there is none."""
        running = [_meta(case) for _, case, *_ in self.running.values()]
        lanes = {meta.lane for meta in running} - {""}
        idle = sum(meta.idle for meta in running)
        room = {False: len(running) - idle < self.jobs, True: idle < IDLE_JOBS}
        if self.jobs == 1:
            room = {False: not running, True: not running}
        for i, case in enumerate(queue):
            if room[_meta(case).idle] and _meta(case).lane not in lanes:
                return queue.pop(i)
        return None

    def _run(self, queue):
        try:
            while queue or self.running:
                while (case := self._next(queue)):
                    missing = needs.lacking(case.needs)
                    if missing:
                        self.note(Outcome(case.name, "skip", missing))
                        continue
                    self._start(case)
                if self.running:
                    self._collect()
        except BaseException:
            for worker in self._workers():
                worker.kill()
            system.kill_descendants()
            raise

    def close(self):
        unmount_below(self.base)
        try:
            os.rmdir(self.base)
        except OSError:
            if not self.keep:
                shutil.rmtree(self.base, ignore_errors=True)

    def slowest(self, number):
        """Prints where the time went: seconds on the clock, and of processors, which other loads
        of the machine change less."""
        print("seconds, of processors")
        for outcome in sorted(self.outcomes, key=lambda o: -o.seconds)[:number]:
            print(f"{outcome.seconds:7.2f} {outcome.cpu:7.2f} {outcome.name}")
        print(f"{sum(o.seconds for o in self.outcomes):7.0f} "
              f"{sum(o.cpu for o in self.outcomes):7.0f} all {len(self.outcomes)}, "
              f"{self.jobs} at a time")

    def summary(self):
        """Prints skips by reason, failures, and the count line; True if nothing failed."""
        reasons = {}
        for outcome in self.outcomes:
            if outcome.kind == "skip":
                reasons.setdefault(outcome.text, []).append(outcome.name)
        for reason, names in reasons.items():
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            print(f"skipped, {reason}: {shown}")
        failed = [o.name for o in self.outcomes if o.kind == "fail"]
        unsteady = [case.name for case in self.again if case.name not in failed]
        if unsteady:
            print("failed at first, passed alone: " + ", ".join(unsteady))
        if failed:
            print("failed: " + ", ".join(failed))
        count = {kind: sum(o.kind == kind for o in self.outcomes)
                 for kind in ("pass", "fail", "skip")}
        print(f"{count['pass']} passed, {count['fail']} failed, {count['skip']} skipped")
        return count["fail"] == 0
