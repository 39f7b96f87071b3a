# SPDX-License-Identifier: Apache-2.0
"""A workload that is dumped on one kernel and restored on another: its run in two halves, each in
a guest of its own. The first half leaves in /out/halves/NAME all that the second needs: working
folder, log, images, and what /proc told. The second finds them at the same place."""

import os
import pickle
import re

from . import snapshot
from .needs import kernel_version
from .result import Skip
from .workload import Case, _Run

PLACE = "/out/halves"
# The areas and the auxiliary vector tell of the kernel's vDSO, which another kernel has not.
OF_THE_KERNEL = {"maps", "args"}


class _Half(_Run):
    def __init__(self, case):
        super().__init__(case, os.path.join(PLACE, case.work.name.replace("/", "-")))
        self.images = os.path.join(self.folder, "images")
        self.state = os.path.join(self.folder, "state")

    def first(self):
        os.makedirs(self.images)
        self.start()
        self.wait_ready()
        before = snapshot.settled(self.root)
        if not self.dump(self.images):
            self.fail("dump failed")
        self.check_gone(list(before))
        with open(self.state, "wb") as f:
            pickle.dump((self.root, before), f)

    def second(self):
        if not os.path.exists(self.state):
            raise Skip("the first half, on the other kernel, did not come to its end")
        with open(self.state, "rb") as f:
            self.root, before = pickle.load(f)
        if not self.restore(self.images):
            self.judge_refusal()
            self.fail("restore failed")
        found = snapshot.compare(before, self.root, self.meta.ignore | OF_THE_KERNEL)
        if found:
            self.fail("changed on the way to another kernel:\n\t" + "\n\t".join(found[:20]))
        self.finish()

    def judge_refusal(self):
        """A kernel that can't have what the other one could is no failure, as long as it was told
        before anything was forked, with a newer version that brings it."""
        text = self.said("restore", self.images)
        if "can't be restored for" not in text or "restore-fork" in text:
            return
        if "not older than that of the dump" in text:
            raise Skip("the machine lacks options of a newer kernel, as the restore says before "
                       "it forks")
        if "is laid out in another way by this kernel" in text:
            raise Skip("the machine lacks rings of io_uring that are laid out as on the other "
                       "kernel, as the restore says before it forks")
        lacks = re.findall(r"(?:thread \d+, |, )?([^,\n]+): is in use by .*has it not"
                           r"|this processor lacks (.*)", text)
        if lacks:
            raise Skip("the machine lacks " + ", ".join(sorted({a or b for a, b in lacks})) +
                       " of the other processor, as the restore says before it forks")
        newer = [f"{a}.{b}" for a, b in re.findall(r"(?:use|restore (?:on|where there is)) "
                                                   r"Linux (\d+)\.(\d+)", text)
                 if (int(a), int(b)) > kernel_version()]
        if newer:
            raise Skip("the machine lacks Linux " + ", ".join(sorted(set(newer))) +
                       ", as the restore says before it forks")


class Half(Case):
    def __init__(self, work, tool, half, tunables):
        super().__init__(work, "host", tool, tool)
        self.half = half
        if half == "restore":
            self.needs = ["root"]  # what the kernel lacks, the restore is to say
        if tunables and "rseq" not in work.name:
            self.environment = {"GLIBC_TUNABLES": tunables}

    @property
    def name(self):
        return f"{self.work.name} {self.half}"

    def run(self, _folder, build_error):
        if build_error:
            raise Skip(build_error)
        half = _Half(self)
        if self.half == "dump":
            half.first()
        else:
            half.second()


def cases(work, tool, half, tunables):
    """One, if the workload is a host process that is expected to come back. tunables: what the C
    library is to do without, since the other machine has not got it."""
    if "host" not in work.meta.flavours or work.meta.expect != "pass" or work.meta.limit:
        return []
    return [Half(work, tool, half, tunables)]
