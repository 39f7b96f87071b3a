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


class Outcome:
    def __init__(self, name, kind, text="", details="", seconds=0.0):
        self.name, self.kind, self.text, self.details = name, kind, text, details
        self.seconds = seconds


def _unmount_below(folder):
    """Mounts that a test made in its folder; the last made first."""
    points = [line.split()[1] for line in system.read_text("/proc/self/mounts").splitlines()]
    for point in reversed(points):
        if point.startswith(folder + "/"):
            system.unmount(point)


def _attempt(case, folder, build_error):
    try:
        case.run(folder, build_error)
        return "pass", "", ""
    except Skip as reason:
        return "skip", str(reason), ""
    except Failure as failure:
        return "fail", failure.text, failure.details
    except Exception:  # a bug in the runner is a failure of the test, not the end of the run
        return "fail", "the test runner failed", traceback.format_exc()


def _work(case, folder, build_error, report):
    """Body of a case's process."""
    system.hear_all_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    system.become_subreaper()
    begin = time.monotonic()
    kind, text, details = _attempt(case, folder, build_error)
    seconds = time.monotonic() - begin
    left = system.kill_descendants()
    if left and kind == "pass":
        kind, text = "fail", f"processes that can't be ended are left: {left}"
    with os.fdopen(report, "w", encoding="utf-8", errors="backslashreplace") as out:
        json.dump([kind, text, details, seconds], out)


def _lane(case):
    meta = getattr(getattr(case, "work", case), "meta", None)
    return meta.lane if meta else ""


class Runner:
    def __init__(self, jobs, keep, verbose, build_errors):
        self.jobs = jobs
        self.keep = keep
        self.verbose = verbose
        self.build_errors = build_errors
        self.outcomes = []
        self.base = tempfile.mkdtemp(prefix="crtools-test-")
        os.chmod(self.base, 0o755)
        self.running = {}  # report descriptor: (pid, case, folder, text so far, deadline)
        self.number = 0
        # A machine under load makes time limits and races of tests fail: what fails is run once
        # more, alone, when all others are done, and is listed either way.
        self.again = []
        self.alone = False

    def note(self, outcome):
        self.outcomes.append(outcome)
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
        # The case has its own time limit; this one is for a case that does not keep it.
        deadline = time.monotonic() + case.timeout * 2 + 60
        self.running[reading] = [pid, case, folder, b"", deadline]

    def _finish(self, reading):
        pid, case, folder, text, _ = self.running.pop(reading)
        os.close(reading)
        _, status = os.waitpid(pid, 0)
        try:
            kind, reason, details, seconds = json.loads(text)
        except ValueError:
            kind, details, seconds = "fail", "", 0.0
            reason = f"the test's process {system.describe_status(status)} without a report"
        system.kill_descendants_except([p for p, *_ in self.running.values()])
        _unmount_below(folder)
        if kind == "fail" and self.keep:
            reason += f" (kept in {folder})"
        else:
            shutil.rmtree(folder, ignore_errors=True)
        if kind == "fail" and case not in self.again and not self.alone:
            self.again.append(case)
            print(f"again {case.name} ({seconds:.2f}s): {reason}")
            if details:
                # In other words than a failure's, for whoever looks through a long output.
                details = details.replace("FAIL", "fail")
                print("\t" + details.rstrip().replace("\n", "\n\t"))
            return
        self.note(Outcome(case.name, kind, reason, details, seconds))

    def _collect(self):
        ready, _, _ = select.select(list(self.running), [], [], 1.0)
        for reading in ready:
            data = os.read(reading, 1 << 16)
            if data:
                self.running[reading][3] += data
            else:
                self._finish(reading)
        for reading, (pid, _, _, _, deadline) in list(self.running.items()):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)

    def run(self, cases):
        self._run(list(cases))
        self.alone = True
        self.jobs = 1
        self._run(list(self.again))

    def _next(self, queue):
        """The first case whose lane is free; None if there is none."""
        busy = {_lane(case) for _, case, *_ in self.running.values()} - {""}
        for i, case in enumerate(queue):
            if _lane(case) not in busy:
                return queue.pop(i)
        return None

    def _run(self, queue):
        try:
            while queue or self.running:
                while queue and len(self.running) < self.jobs:
                    case = self._next(queue)
                    if case is None:
                        break
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
