# SPDX-License-Identifier: Apache-2.0
"""Runs cases, several at a time, each in a process of its own (and in a pid namespace of its own,
where that can be had), which is the subreaper of all that the case starts. That process ends
everything below it before it reports; should it die itself, its orphans fall to the runner, which
ends them."""

import json
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback

from . import needs, system
from .result import Failure, Skip
from .telling import Teller


class Outcome:
    """seconds: on the clock, from its start until all that it has left is gone; cpu: of processors,
    by all its processes that have ended."""

    def __init__(self, name, kind, text="", details="", seconds=0.0, cpu=0.0):
        self.name, self.kind, self.text, self.details = name, kind, text, details
        self.seconds, self.cpu = seconds, cpu


def _unmount_below(folder):
    """Mounts that a test made in its folder; the last made first."""
    points = [line.split()[1] for line in system.read_text("/proc/self/mounts").splitlines()]
    for point in reversed(points):
        if point.startswith(folder + "/"):
            system.unmount(point)


def _attempt(case, folder, build_error):
    try:
        return "pass", "", "", case.run(folder, build_error)
    except Skip as reason:
        return "skip", str(reason), "", None
    except Failure as failure:
        return "fail", failure.text, failure.details, None
    except Exception:  # a bug in the runner is a failure of the test, not the end of the run
        return "fail", "the test runner failed", traceback.format_exc(), None


def _work(case, folder, build_error, report):
    """Body of a case's process."""
    system.hear_all_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    system.become_subreaper()
    kind, text, details, parts = _attempt(case, folder, build_error)
    left = system.kill_descendants()
    if left and kind == "pass":
        kind, text = "fail", f"processes that can't be ended are left: {left}"
    with os.fdopen(report, "w", encoding="utf-8", errors="backslashreplace") as out:
        json.dump([kind, text, details, parts], out)


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
        self.running = {}  # report descriptor: [pid, case, folder, text so far, start]
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

    def _start(self, case):
        self.number += 1
        folder = os.path.join(self.base, f"{self.number}")
        os.mkdir(folder)
        reading, writing = os.pipe()
        self.teller.tell("started", case.name)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            status = 1
            try:
                system.own_pids()
                work = getattr(case, "work", None)
                _work(case, folder, self.build_errors.get(work.name) if work else None, writing)
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        self.running[reading] = [pid, case, folder, b"", time.monotonic()]

    def _finish(self, reading):
        pid, case, folder, text, start = self.running.pop(reading)
        os.close(reading)
        _, status, usage = os.wait4(pid, 0)
        seconds, cpu = time.monotonic() - start, usage.ru_utime + usage.ru_stime
        try:
            kind, reason, details, parts = json.loads(text)
        except ValueError:
            kind, details, parts = "fail", "", None
            reason = f"the test's process {system.describe_status(status)} without a report"
        system.kill_descendants_except([p for p, *_ in self.running.values()])
        _unmount_below(folder)
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
            data = os.read(reading, 1 << 16)
            if data:
                self.running[reading][3] += data
            else:
                self._finish(reading)
        # The case has its own time limit; this one is for a case that does not keep it.
        for pid, case, _, _, start in self.running.values():
            if time.monotonic() > start + case.timeout * 2 + 60:
                os.kill(pid, signal.SIGKILL)

    def run(self, cases):
        self._run(list(cases))
        self.alone = True
        jobs, self.jobs = self.jobs, 1
        self._run(list(self.again))
        self.jobs = jobs

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
            for pid, *_ in self.running.values():
                os.kill(pid, signal.SIGKILL)
            system.kill_descendants()
            raise

    def close(self):
        _unmount_below(self.base)
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
