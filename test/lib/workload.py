# SPDX-License-Identifier: Apache-2.0
"""Workloads: compiled from test/workload, started, dumped, restored, and asked whether anything
has changed. run() is called in a process of its own (see runner.py) that is a child subreaper,
so that whatever a workload or a tool leaves behind ends up below it."""

import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import time

from . import snapshot, system
from .metadata import FLAVOURS, LATER_FLAVOURS, Metadata
from .result import Failure, Skip

# Each run's ordinary user is another one: what the kernel counts by user (pipe pages, locked
# memory, processes) is then not shared with other tests, nor with other machines' on one kernel.
ORDINARY_UIDS = range(20000, 60000)
# Its numbers, as /proc/PID/syscall has them: x86_64's, and two of i386; aarch64's.
RT_SIGTIMEDWAIT = ("137",) if os.uname().machine == "aarch64" else ("128", "177", "421")
# In a guest of test/guest all takes longer, by emulation.
PATIENCE = 3 if os.path.exists("/job/words") else 1
SLOW = {"WORKLOAD_SLOW": "1"} if PATIENCE > 1 else {}  # wl_scaled() asks for it
IMAGES = "/run/images"  # below system.private_run()'s tmpfs
# Needs that only one family of processors can fulfil: a workload with one is written for it.
FAMILIES = {"aarch64": {"aarch64"},
            "x86_64": {"x86_64", "32bit", "pku", "amx", "avx512", "avx"}}
UNPRIVILEGED_CAPS = ("checkpoint_restore", "sys_ptrace")


class Workload:
    """One program of test/workload."""

    def __init__(self, folder, source):
        self.source = os.path.join(folder, source)
        self.name = source.removesuffix(".c")
        self.meta = Metadata(self.source)
        self.waits = "wl_ready_and_wait(" in system.read_text(self.source)
        self.binary = None


def find(folder):
    found = []
    for top, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(top, name), folder)
            if name.endswith(".c") and path != "workload.c":
                found.append(Workload(folder, path))
    return found


def _newest_frame(folder):
    return max(os.path.getmtime(os.path.join(top, name))
               for top, _, names in os.walk(folder) for name in names
               if name.endswith(".h") or name == "workload.c")


def _up_to_date(path, source, frame_time):
    return os.path.exists(path) and \
        os.path.getmtime(path) >= max(frame_time, os.path.getmtime(source))


def _gcc(compiler, output, folder, cflags, *words):
    """None, or the compiler's complaint."""
    os.makedirs(os.path.dirname(output), exist_ok=True)
    done = subprocess.run(
        [compiler, "-std=gnu17", "-O2", "-g", "-Wall", "-pthread", "-I", folder, *cflags,
         "-o", output, *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        if os.path.exists(output):
            os.unlink(output)
        return done.stderr.strip() or "the compiler failed"
    return None


def _frame_object(output, cflags):
    """What all workloads of these flags are linked with, which takes longer than most of them."""
    return os.path.join(output, " ".join(["workload", *cflags]).replace("/", "%") + ".o")


def _compile_frame(compiler, cflags, folder, output, frame_time):
    source, path = os.path.join(folder, "workload.c"), _frame_object(output, cflags)
    if _up_to_date(path, source, frame_time):
        return None
    return _gcc(compiler, path, folder, cflags, "-c", source)


def _compile(compiler, work, folder, output, frame_time):
    if _up_to_date(work.binary, work.source, frame_time):
        return None
    return _gcc(compiler, work.binary, folder, work.meta.cflags, work.source,
                _frame_object(output, work.meta.cflags), *work.meta.libs)


def _is_for(work, machine):
    return not any(words & set(work.meta.needs)
                   for family, words in FAMILIES.items() if family != machine)


def build(works, folder, output, jobs, compiler="gcc", machine=os.uname().machine):
    """Compiles what is out of date, but for what is written for another processor. Returns
    {name: complaint} of those that failed."""
    for work in works:
        work.binary = os.path.join(output, work.name)
    works = [work for work in works if _is_for(work, machine)]
    frame_time = _newest_frame(folder)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        kinds = {tuple(w.meta.cflags) for w in works}
        frames = dict(zip(kinds, pool.map(
            lambda flags: _compile_frame(compiler, flags, folder, output, frame_time), kinds)))
        errors = pool.map(lambda w: frames[tuple(w.meta.cflags)] or
                          _compile(compiler, w, folder, output, frame_time), works)
        return {w.name: e for w, e in zip(works, errors) if e}


def built(works, output):
    """The same, where somebody else has compiled them."""
    for work in works:
        work.binary = os.path.join(output, work.name)
    return {w.name: "it was not compiled outside of the guest" for w in works
            if not os.path.exists(w.binary)}


class Tool:
    """crtools or CRIU: how to start it. Both take the same words."""

    def __init__(self, name, argv, compared=True):
        self.name = name
        self.argv = argv
        self.compared = compared  # /proc before the dump with /proc after the restore

    @property
    def is_peer(self):
        return self.name == "criu"


class Case:
    """One run of a workload: with a flavour, a tool to dump and a tool to restore; or none to
    restore, if the dump leaves it running."""

    environment = {}  # of the workload, beside the usual
    one_of_many = True  # its worker may go on with another one

    def __init__(self, work, flavour, dumper, restorer):
        self.work = work
        self.flavour = flavour
        self.dumper = dumper
        self.restorer = restorer
        self.timeout = (work.meta.timeout or 60.0) * PATIENCE
        self.needs = list(work.meta.needs) + ["root"]

    @property
    def name(self):
        crossing = ""
        if not self.restorer:
            crossing = " left-running"
        elif self.dumper.name != self.restorer.name:
            crossing = " from-criu" if self.dumper.is_peer else " to-criu"
        return f"{self.work.name} {self.flavour}{crossing}"

    def run(self, folder, build_error):
        if build_error:
            raise Failure("does not compile", build_error)
        run = _Run(self, folder)
        try:
            run.all()
        except Failure:
            run.keep_images()
            if self.work.meta.limit:
                return
            raise
        finally:
            shutil.rmtree(run.memory, ignore_errors=True)
        if self.work.meta.limit:
            raise Failure("passes, so it is no limit any more: " + self.work.meta.limit)


class _Run:
    """The state of one case while it runs."""

    def __init__(self, case, folder):
        self.case = case
        self.meta = case.work.meta
        self.folder = folder
        # Images on a tmpfs: to sync them takes longer than all else, and app/ has them on a disk.
        self.memory = os.path.join(IMAGES, os.path.basename(folder))
        self.cwd = os.path.join(folder, "cwd")
        self.log = os.path.join(folder, "log")
        self.deadline = time.monotonic() + case.timeout
        self.uid = 0 if case.flavour == "host" else random.choice(ORDINARY_UIDS)
        self.root = None
        self.command_log = None

    def fail(self, text):
        raise Failure(text, self.tails())

    def tails(self):
        """The ends of the logs, for whoever has to find out."""
        parts = []
        for path in (self.command_log, self.log):
            text = system.read_text(path) if path else None
            if text:
                lines = text.splitlines()[-25:]
                parts.append(f"--- {os.path.basename(path)}\n" + "\n".join(lines))
        return "\n".join(parts)

    def left(self):
        return max(0.1, self.deadline - time.monotonic())

    def start(self):
        os.mkdir(self.cwd)
        os.chown(self.cwd, self.uid, self.uid)
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.fchmod(log, 0o666)
        user = {"user": self.uid, "group": self.uid, "extra_groups": []} if self.uid else {}
        proc = subprocess.Popen(
            [self.case.work.binary], cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True, umask=0o022, **user,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.cwd,
                 **SLOW, **self.case.environment})
        os.close(log)
        self.root = proc.pid
        proc.returncode = 0  # waited for here, not by subprocess

    def wait_ready(self):
        ready = os.path.join(self.cwd, "ready")
        while not os.path.exists(ready):
            ended, status = os.waitpid(self.root, os.WNOHANG)
            if ended:
                self.root = None
                self.fail(f"the workload {system.describe_status(status)} before it was ready")
            if time.monotonic() > self.deadline:
                self.fail("the workload did not get ready in time")
            time.sleep(0.003)
        self.await_rest()

    def await_rest(self):
        """It has said so, and most wait for a signal now: on a busy machine that takes a moment."""
        limit = time.monotonic() + (2.0 if self.case.work.waits else 0.1)
        while time.monotonic() < limit:
            call = (system.read_text(f"/proc/{self.root}/syscall") or "").split()
            if call and call[0] in RT_SIGTIMEDWAIT:
                return
            time.sleep(0.002)

    def command(self, tool, verb, images, *words):
        """Runs one verb; True if it succeeded."""
        log = f"{verb}.log"
        self.command_log = os.path.join(images, log)
        options = self.meta.dump if verb == "dump" else self.meta.restore
        argv = tool.argv + [verb, "-D", images, "-o", log, "-v4", *words, *options]
        prepare = None
        if self.case.flavour == "unpriv":
            if tool.is_peer:
                argv.append("--unprivileged")

            def prepare():
                system.ordinary_user(self.uid, UNPRIVILEGED_CAPS)
        said = os.path.join(self.folder, f"{verb}.out")
        with open(said, "wb") as out:
            proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out,
                                    stderr=subprocess.STDOUT, cwd=self.folder,
                                    preexec_fn=prepare)
        proc.returncode = 0
        status = system.wait_child(proc.pid, self.left())
        if not os.path.exists(self.command_log):
            self.command_log = said
        if status is None:
            self.fail(f"{tool.name} {verb} did not end in time")
        if os.WIFSIGNALED(status):
            self.fail(f"{tool.name} {verb} {system.describe_status(status)}")
        return status == 0

    def said(self, verb, images):
        """All that a failed verb had to say."""
        return (system.read_text(os.path.join(self.folder, f"{verb}.out")) or "") + \
            (system.read_text(os.path.join(images, f"{verb}.log")) or "")

    def new_images(self, cycle):
        images = os.path.join(self.memory, f"images-{cycle}")
        os.makedirs(images)
        if self.case.flavour == "unpriv":
            os.chown(images, self.uid, self.uid)
        return images

    def keep_images(self):
        """For whoever looks at a failure: that tmpfs goes away with the runner."""
        if os.path.isdir(self.memory):
            shutil.move(self.memory, os.path.join(self.folder, "images"))

    def dump(self, images, *words):
        return self.command(self.case.dumper, "dump", images, "-t", str(self.root), *words)

    def check_gone(self, pids):
        """The tree is killed by the dump; zombies of it are ours to reap."""
        deadline = time.monotonic() + 2
        left = pids
        while left and time.monotonic() < deadline:
            system.reap()
            left = [pid for pid in left if os.path.exists(f"/proc/{pid}")]
            time.sleep(0.001)
        if left:
            self.fail(f"after the dump the tasks {left} are still there")

    def restore(self, images):
        return self.command(self.case.restorer, "restore", images, "-d")

    def compare(self, before):
        # What CRIU leaves out is no failure of ours: its restores are judged by the workload,
        # unless somebody wants to know.
        tool = self.case.restorer or self.case.dumper
        if tool.is_peer and not tool.compared:
            return
        found = snapshot.compare(before, self.root, self.meta.ignore)
        if found:
            self.fail("changed by dump and restore:\n\t" + "\n\t".join(found[:20]))

    def cycle(self, number):
        images = self.new_images(number)
        before = snapshot.settled(self.root)
        if not self.dump(images):
            self.fail(f"{self.case.dumper.name} dump failed")
        self.check_gone(list(before))
        if not self.restore(images):
            self.fail(f"{self.case.restorer.name} restore failed")
        self.compare(before)

    def left_running(self, number):
        """A dump that the program is not to notice."""
        images = self.new_images(number)
        before = snapshot.settled(self.root)
        if not self.dump(images, "--leave-running"):
            self.fail(f"{self.case.dumper.name} dump failed")
        self.compare(before)

    def refused(self, verb, images):
        if self.meta.expect_text.lower() not in self.said(verb, images).lower():
            self.fail(f"{verb} was refused, but not with '{self.meta.expect_text}'")

    def dump_refused(self):
        images = self.new_images(1)
        before = snapshot.settled(self.root)
        if self.dump(images):
            self.fail("dump succeeded, it should have been refused")
        self.refused("dump", images)
        found = snapshot.compare(before, self.root, self.meta.ignore)
        if found:
            self.fail("changed by a refused dump:\n\t" + "\n\t".join(found[:20]))

    def restore_refused(self):
        images = self.new_images(1)
        before = snapshot.settled(self.root)
        if not self.dump(images):
            self.fail("dump failed")
        self.check_gone(list(before))
        if self.restore(images):
            self.fail("restore succeeded, it should have been refused")
        self.refused("restore", images)
        left = [pid for pid in before if system.exists(pid)]
        if left:
            self.fail(f"the refused restore left the tasks {left} behind")

    def finish(self):
        """The workload checks its state and ends."""
        try:
            os.kill(self.root, signal.SIGTERM)
        except ProcessLookupError:
            self.fail("the workload was gone when it was asked to check itself")
        try:
            status = system.wait_child(self.root, self.left())
        except ChildProcessError:
            self.fail("the restored root is not below the runner: it can't be waited for")
        if status != 0:
            self.fail(f"the workload {system.describe_status(status)}")
        if "PASS" not in (system.read_text(self.log) or "").splitlines():
            self.fail("the workload ended well but did not say PASS")

    def all(self):
        self.start()
        self.wait_ready()
        if self.meta.expect == "restore-refused":
            self.restore_refused()
            return
        if self.meta.expect == "dump-refused":
            self.dump_refused()
        else:
            cycle = self.cycle if self.case.restorer else self.left_running
            for number in range(1, self.meta.cycles + 1):
                cycle(number)
        self.finish()


def cases(work, tool, flavours):
    """The runs of one workload by one tool, and what is not run: [Case], [(name, reason)]."""
    found, skipped = [], []
    for flavour in work.meta.flavours:
        if flavours and flavour not in flavours:
            continue
        if flavour in FLAVOURS:
            found.append(Case(work, flavour, tool, tool))
        else:
            assert flavour in LATER_FLAVOURS
            skipped.append((f"{work.name} {flavour}", "crtools has no namespaces yet"))
    return found, skipped


def _comes_back(work):
    """Whether it runs as a host process, and is expected to be the same after a restore."""
    return "host" in work.meta.flavours and work.meta.expect == "pass" and not work.meta.limit


# Of these all runs of tests have some that are left running: state of the process itself, which a
# visit could spoil, and what a look from outside could.
LEFT_RUNNING = ("arch/", "signals/", "threads/", "timers/", "tty/", "event/", "fsnotify/",
                "memory/cow", "memory/small_stack", "pipes/", "unix/pairs", "tcp/established")


def left_running(work, tool, every):
    """Host runs that are dumped and go on: what the dump leaves behind in a process shows here."""
    if work.meta.left or not _comes_back(work):
        return []
    return [Case(work, "host", tool, None)] if every or work.name.startswith(LEFT_RUNNING) else []


def crossings(work, ours, peer, directions):
    """Host runs whose images cross with CRIU."""
    if not _comes_back(work):
        return []
    found = []
    if "to" in directions and work.meta.crossing in ("both", "to"):
        found.append(Case(work, "host", ours, peer))
    if "from" in directions and work.meta.crossing in ("both", "from"):
        found.append(Case(work, "host", peer, ours))
    return found


__all__ = ["Case", "Skip", "Tool", "Workload", "build", "cases", "crossings", "find"]
