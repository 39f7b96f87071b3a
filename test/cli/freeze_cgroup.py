#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--freeze-cgroup with groups of both versions, frozen or thawed beforehand: the state of the
group is as it was after a dump that ends the tree, one that leaves it running, and one that
fails. A group that can't serve is refused by name; so is a tree, or a task of it, that stands in a
frozen group which the tool was not given: at once, with nothing changed.

wl: needs root
wl: areas task"""

import os
import signal
import subprocess
import time

import dumped

FREEZERS = (("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"),
            ("/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0"),
            ("/sys/fs/cgroup", "cgroup.freeze", "1", "0"))


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read().strip()


class Group:
    def __init__(self, top, state, frozen, thawed):
        self.path = f"{top}/crtools-test-{os.getpid()}"
        self.top, self.frozen, self.thawed = top, frozen, thawed
        self.state = f"{self.path}/{state}"

    def dump(self, tree, *words):
        folder = f"images-{len(os.listdir('.'))}"
        os.mkdir(folder)
        done = subprocess.run([dumped.TOOL, "dump", "-D", folder, "-t", str(tree.pid),
                               "--freeze-cgroup", self.path, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode == 0, done.stdout + done.stderr

    def check(self, tree, state, good, *words):
        """One dump with the group in this state beforehand."""
        write(self.state, state)
        dumped.await_true(f"the group is {state}", lambda: read(self.state) == state)
        done, text = self.dump(tree, *words)
        dumped.check(done == good, f"{self.path} {state} {words}: {text}")
        dumped.await_true(f"{words}: the group is {state} again",
                          lambda: read(self.state) == state, 2)

    def run(self):
        tree = dumped.Tree(["/bin/sh", "-c", "sleep 1000 & sleep 1000"])
        write(f"{self.path}/cgroup.procs", str(tree.pid))
        # A stopped task must not hold up the one who seizes it in the refrigerator.
        os.kill(tree.pid, signal.SIGSTOP)
        self.check(tree, self.thawed, True, "--leave-running")
        os.kill(tree.pid, signal.SIGCONT)
        for state in (self.thawed, self.frozen):
            self.check(tree, state, True, "--leave-running")
            self.check(tree, state, True, "--leave-stopped")
            os.kill(tree.pid, signal.SIGCONT)
            self.check(tree, state, False, "--action-script", "test $CRTOOLS_SCRIPT_ACTION != "
                       "network-lock")
            dumped.check(tree.alive(), "a failed dump has ended the tree")
        write(self.state, self.thawed)
        self.refuse(tree)
        self.frozen_by_others(tree)
        self.undead()
        self.check(tree, self.frozen, True)
        write(self.state, self.thawed)
        dumped.await_true("an empty group",
                          lambda: not read(f"{self.path}/cgroup.procs"))

    def frozen_by_others(self, tree):
        """The whole tree in a frozen group, then its child only, by the group or the one above."""
        child = dumped.system.descendants(tree.pid)[0]
        inner = f"{self.path}/inner"
        os.mkdir(inner)
        write(f"{self.path}/cgroup.procs", str(child))
        os.kill(child, signal.SIGCONT)  # an earlier dump has left it stopped
        try:
            for pids, place in (((), self.path), ((child,), inner), ((tree.pid,), self.path)):
                for pid in pids:
                    write(f"{inner}/cgroup.procs", str(pid))
                state = f"{place}/{os.path.basename(self.state)}"
                self.told(tree, child if pids == (child,) else tree.pid, child, place, state)
        finally:
            for pid in (tree.pid, child):
                write(f"{self.path}/cgroup.procs", str(pid))
            os.rmdir(inner)

    def told(self, tree, held, child, place, state):
        before = [read(f"/proc/{pid}/maps") for pid in (tree.pid, child)]
        # Nor does a seizing of a stopped one return, from the refrigerator of a group of v1.
        os.kill(child, signal.SIGSTOP)
        dumped.await_true("the stop", lambda: dumped.system.process_state(child) == "T")
        write(state, self.frozen)
        dumped.await_true(f"{place} is frozen", lambda: read(state) == self.frozen)
        for words in (["dump", "-D", ".", "-R", "-t", str(tree.pid)],
                      ["check", "-t", str(tree.pid)], ["exec", "-t", str(child), "getpid"]):
            begin = time.monotonic()
            done = subprocess.run([dumped.TOOL, *words], stdin=subprocess.DEVNULL, text=True,
                                  capture_output=True, timeout=60, check=False)
            text = done.stdout + done.stderr
            dumped.check(done.returncode and f"its cgroup {place} is frozen" in text and
                         "--freeze-cgroup" in text and
                         f"task {child if words[0] == 'exec' else held}" in text,
                         f"{place}, {words}: {done.returncode}: {text}")
            dumped.check(time.monotonic() - begin < 8, f"{words} waited for the frozen task")
        dumped.check(read(state) == self.frozen, f"{state} is {read(state)}")
        write(state, self.thawed)
        os.kill(child, signal.SIGCONT)
        for pid, maps in zip((tree.pid, child), before):
            dumped.await_true(f"{pid} sleeps", lambda p=pid: (
                dumped.system.process_state(p) == "S"))
            dumped.check(read(f"/proc/{pid}/maps") == maps, f"the memory map of {pid} changed")

    def undead(self):
        """A task of the tree that can't end yet when it is killed (v1 only) is told of, and not
        waited for without end."""
        tree = dumped.Tree(["/bin/sh", "-c", "sleep 1000 & wait"])
        dumped.await_true("a child", lambda: dumped.system.descendants(tree.pid))
        child = dumped.system.descendants(tree.pid)[0]
        write(f"{self.path}/cgroup.procs", str(child))
        folder = f"undead-{os.path.basename(self.state)}"
        os.mkdir(folder)
        done = subprocess.run(
            [dumped.TOOL, "dump", "-D", folder, "-t", str(tree.pid), "--timeout", "1",
             "--action-script", f"test $CRTOOLS_SCRIPT_ACTION != post-dump || "
             f"echo {self.frozen} > {self.state}"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        text = done.stdout + done.stderr
        v1 = "v1" if self.state.endswith("freezer.state") else "v2"
        dumped.check(done.returncode == 0, f"a task that does not end at once ({v1}): {text}")
        dumped.check((f"Process {child} was killed, but has not ended" in text) == (v1 == "v1"),
                     f"{v1}, {child}: {text}")
        dumped.system.reap()
        dumped.check(os.path.exists(f"/proc/{child}/stat") == (v1 == "v1"), f"{v1}: {child}")
        write(self.state, self.thawed)
        dumped.await_true("the end of the killed tree", lambda: dumped.system.reap() or not (
            tree.alive() or os.path.exists(f"/proc/{child}")))

    def refuse(self, tree):
        write(f"{self.path}/cgroup.procs", str(os.getpid()))
        done, text = self.dump(tree)
        write(f"{self.top}/cgroup.procs", str(os.getpid()))
        dumped.check(not done and "crtools itself is in" in text, f"the tool's own group: {text}")


def main():
    dumped.begin()
    found = 0
    for top, state, frozen, thawed in FREEZERS:
        group = Group(top, state, frozen, thawed)
        try:
            os.mkdir(group.path)
        except OSError:
            continue
        if not os.path.exists(group.state):  # a folder only
            os.rmdir(group.path)
            continue
        found += 1
        try:
            group.run()
        finally:
            for pid in read(f"{group.path}/cgroup.procs").split():
                os.kill(int(pid), signal.SIGKILL)
            write(group.state, thawed)
            dumped.system.reap()
            try:
                dumped.await_true("an empty group",
                                  lambda g=group: not read(f"{g.path}/cgroup.procs"), 3)
            finally:
                os.rmdir(group.path)
    if not found:
        dumped.skip("no freezer group can be made here")


main()
