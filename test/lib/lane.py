# SPDX-License-Identifier: Apache-2.0
"""The guest lane's cases: test/run in a guest, which may die on the way. What has come out by then
counts; the rest goes on in a new guest; and what ran when it died is run once more, at the end and
one at a time: if a guest dies again, it has failed."""

import json
import os
import types

from .guest import INSIDE, OVER, PROCESSORS, Cross, Guest, Kernel, Load, native, new_disk
from .result import Failure

JOBS = 2


class Results:
    """The outcomes of one kernel in BUILD/guest/KERNEL.json, written as they come."""

    def __init__(self, path, package, anew):
        self.path = path
        self.data = {"package": package, "outcomes": {}}
        if not anew and os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.data["outcomes"] = json.load(f)["outcomes"]

    def note(self, outcomes):
        for name, kind, text, _, seconds in outcomes:
            self.data["outcomes"][name] = [kind, text, round(seconds, 1)]
        if self.data["outcomes"]:
            with open(f"{self.path}.new", "w", encoding="utf-8") as f:
                json.dump(self.data, f, indent=1)
            os.rename(f"{self.path}.new", self.path)


class Rounds:
    """One guest after the other, until all tests have come to an outcome."""

    def __init__(self, kernel, load, words, folder, limit, results=None):
        self.kernel, self.load, self.words = kernel, load, words
        self.folder, self.limit, self.results = folder, limit, results
        self.processors = None  # of its guests; None: as the kernel is used to
        self.outcomes = []
        self.rest = None  # names; None: what the words choose
        self.later = []  # what ran when a guest died
        self.last = False  # it is that which runs now
        self.idle_ends = 0  # guests that died when nothing ran in them

    def run(self, disk):
        """[name, kind, text, details, seconds] of all."""
        while True:
            self.load.only = self.rest
            guest = Guest(self.kernel, self.folder, disk, self.processors)
            words = [*self.words, "-j", "1" if self.last else str(JOBS)]
            if self.rest is not None:
                words += ["--only", "/job/only"]
            told, end = guest.run(self.load, words, self.limit, hear=self._hear)
            self.outcomes += told.outcomes
            if not told.planned and not told.outcomes:
                self._none_ran(told, end, guest)
            if end:
                self._died(told, end, guest)
            else:
                self.rest = []
            if self.rest is None:  # it ended before it could say what it would run
                continue
            if not self.rest:
                if not self.later:
                    return self.outcomes
                self.rest, self.later, self.last = self.later, [], True

    def _hear(self, told):
        if self.results:
            self.results.note(told.outcomes)

    def _fail(self, names, text, details=""):
        failed = [[name, "fail", text, details, 0.0] for name in names]
        self.outcomes += failed
        if self.results:
            self.results.note(failed)

    def _none_ran(self, told, end, guest):
        if not end:
            raise Failure("the runner in the guest ran no test", "\n".join(told.output[-60:]))
        if self.rest is None:
            self.idle_ends += 1
            if self.idle_ends > 1 or end == OVER:
                raise Failure(f"the guest came to no end ({end})",
                              "\n".join([guest.tail(), *told.output[-60:]]))

    def _died(self, told, end, guest):
        done = {outcome[0] for outcome in self.outcomes}
        planned = told.planned or self.rest
        if planned is None:
            return
        self.rest = [name for name in planned if name not in done]
        if end == OVER:
            self._fail(self.rest + self.later,
                       f"the guest of {self.kernel.name} had no time for it")
            self.rest, self.later = [], []
            return
        print(f"guest/{self.kernel.name}: {end}, while there ran: "
              f"{', '.join(told.running) or 'nothing'}", flush=True)
        if self.last:
            self._fail(told.running, f"the guest died in it ({end})", guest.tail())
        else:
            self.later += told.running
        self.rest = [name for name in self.rest if name not in told.running]
        self.idle_ends = 0 if told.running else self.idle_ends + 1
        if self.idle_ends > 1:
            self._fail(self.rest, f"the guest died before it ({end})", guest.tail())
            self.rest = []


class Case:
    """Runs test/run in a guest; each test of it becomes an outcome of its own."""

    needs = []
    one_of_many = False
    meta = types.SimpleNamespace(lane="guest", idle=False)

    def __init__(self, name, patterns, build, works, limit, results=None):
        self.kernel, self.patterns, self.build, self.works = name, patterns, build, works
        self.name = f"guest/{name}"
        self.timeout = limit
        self.results = results  # of its Kernel, where it is to be kept

    def run(self, folder, _build_error):
        self.prepare()
        return self.named(self.failed + self.rounds(self.kernel, folder, []).run(new_disk(folder)))

    def prepare(self):
        self.failed = []
        if not native(self.kernel):
            cross = Cross("arm64")
            self.build = cross.build
            self.works, self.failed = cross.workloads(self.works)

    def named(self, outcomes):
        return [[f"{self.name}: {name}", *rest] for name, *rest in outcomes]

    def rounds(self, name, folder, options, keep=True):
        kernel = Kernel(name)
        load = Load("amd64" if native(name) else "arm64", self.build, self.works)
        load.check_static()
        words = ["python3", f"{INSIDE}/test/run", "--built", "--peer", "/peer",
                 "--tell", "/dev/vport0p1", *options, *self.patterns]
        return Rounds(kernel, load, words, folder, self.timeout,
                      self.results(kernel) if self.results and keep else None)


class Journey(Case):
    """Workloads are dumped on one kernel and restored on another."""

    def __init__(self, names, patterns, build, works, limit, results=None):
        super().__init__(names[0], patterns, build, works, limit, results)
        self.name = f"guest/{names[0]}-{names[1]}"
        self.target = names[1]

    def run(self, folder, _build_error):
        self.prepare()
        disk = new_disk(folder)
        first = self.rounds(self.kernel, folder, ["--half", "dump", *self.tunables()], False)
        rounds = self.rounds(self.target, folder, ["--half", "restore"])
        # Affinities are compared.
        first.processors = rounds.processors = max(
            PROCESSORS.get(name, 1) for name in (self.kernel, self.target))
        dumped = first.run(disk)
        restored = rounds.run(disk)
        # A workload that could not be set up on the first kernel is no journey.
        failed = [part for part in dumped if part[1] == "fail"]
        if rounds.results:
            rounds.results.note(failed)
        return self.named(failed + restored)

    def tunables(self):
        """The C library registers restartable sequences of a size that kernels before 6.3 refuse,
        and uses what it finds in the processor; what is not about these is to be tried all the
        same."""
        target = Kernel(self.target)
        words = ["glibc.pthread.rseq=0"] if target.before(6, 3) else []
        words += [target.variant["tunables"]] if "tunables" in target.variant else []
        return ["--tunables", ":".join(words)] if words else []
