# SPDX-License-Identifier: Apache-2.0
"""Processes that run cases, each in a pid namespace of its own (where that can be had), as the
subreaper of all that its case starts. A worker ends everything below it before it reports; should
it die itself, its orphans fall to the runner, which ends them.

To fork a process of Python's size costs more than most runs of a workload. So a worker serves one
case after the other, as long as it is as it was: no case has failed in it, and none has left a
mount, or a process beside it in its namespace."""

import contextlib
import json
import os
import resource
import signal
import traceback

from . import system
from .result import Failure, Skip


def unmount_below(folder):
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


def _cpu():
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _surroundings():
    """What the cases of a worker have in common. In a namespace of its own there are its init and
    the worker; elsewhere other processes come and go."""
    alone = os.getppid() == 1
    return [system.read_text("/proc/self/mountinfo"), os.getcwd(),
            alone and sorted(name for name in os.listdir("/proc") if name.isdigit())]


def _serve(work, orders, reports):
    """Body of a worker. work(number): the case of that number, and why it did not compile."""
    system.hear_all_signals()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    system.become_subreaper()
    before = _surroundings()
    good = True
    while good and (line := orders.readline()):
        number, folder = json.loads(line)
        used = _cpu()
        case, build_error = work(number)
        kind, text, details, parts = _attempt(case, folder, build_error)
        left = system.kill_descendants()
        if left and kind == "pass":
            kind, text = "fail", f"processes that can't be ended are left: {left}"
        unmount_below(folder)
        good = kind == "pass" and case.one_of_many and _surroundings() == before
        json.dump([good, _cpu() - used, kind, text, details, parts], reports)
        reports.write("\n")
        reports.flush()


class Worker:
    """One of them, as the runner sees it. others: those that are there already, whose pipes are
    none of this one's."""

    def __init__(self, work, others):
        orders, self._orders = os.pipe()
        self.report, reports = os.pipe()
        self.text = b""
        self.pid = os.fork()
        if self.pid:
            os.close(orders)
            os.close(reports)
            return
        status = 1
        try:
            for other in [self, *others]:
                other.close()
            system.own_pids()
            with open(orders, encoding="utf-8") as lines, \
                    open(reports, "w", encoding="utf-8", errors="backslashreplace") as out:
                _serve(work, lines, out)
            status = 0
        finally:
            os._exit(status)

    def close(self):
        """A worker that runs nothing ends then."""
        os.close(self._orders)
        os.close(self.report)

    def begin(self, number, folder):
        with contextlib.suppress(BrokenPipeError):  # if it has died, hear() tells
            os.write(self._orders, json.dumps([number, folder]).encode() + b"\n")

    def hear(self):
        """[whether it can go on, processor time, kind, text, details, parts], None if there is
        more to come, or [] if it has died."""
        data = os.read(self.report, 1 << 16)
        self.text += data
        if data and not self.text.endswith(b"\n"):
            return None
        text, self.text = self.text, b""
        try:
            return json.loads(text)
        except ValueError:
            return []

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
