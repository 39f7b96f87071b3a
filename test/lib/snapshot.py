# SPDX-License-Identifier: Apache-2.0
"""What /proc tells of a tree of tasks, in a form that is the same before a dump and after the
restore, and the differences between two of them. Aspects, for "wl: ignore":

    tree      who is whose child, groups, sessions, threads
    maps      ranges, protections and names of the memory areas
    fds       descriptors: numbers and link targets
    fdinfo    positions and flags of the descriptors
    links     cwd, root, exe
    args      command line, environment, auxiliary vector, comm
    status    ids, groups, capabilities, signal sets and masks, umask, …
    limits    resource limits
    sched     nice, policy, affinity, oom_score_adj, coredump_filter, timer slack
"""

import os
import re
import time

from . import system

ASPECTS = ("tree", "maps", "fds", "fdinfo", "links", "args", "status", "limits", "sched")

PF_IO_WORKER = 0x10

_STATUS = ("Umask", "Uid", "Gid", "Groups", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt",
           "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
           "Cpus_allowed", "VmLck", "THP_enabled")
# pos and flags begin every fdinfo; what follows belongs to the kind of file.
_FDINFO = ("pos", "flags")
# In mappings' names and link targets: objects that are made anew have a new number.
_NUMBERED = re.compile(r"^(pipe|socket):\[\d+\]$")
_MAP = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (....) ([0-9a-f]+) \S+ \d+ *(.*)$")


def _name(text):
    return _NUMBERED.sub(r"\1:[]", text)


def _link(path):
    try:
        return _name(os.fsencode(os.readlink(path)).decode("utf-8", "backslashreplace"))
    except OSError:
        return None


def _maps(pid):
    """Areas that touch and agree are one: whether the kernel keeps them apart depends on how
    they came about and is not visible to the program."""
    areas = []
    for line in (system.read_text(f"/proc/{pid}/maps") or "").split("\n")[:-1]:
        match = _MAP.match(line)
        start, end, perms, offset, name = (int(match[1], 16), int(match[2], 16), match[3],
                                           int(match[4], 16), _name(match[5]))
        if name == "[vsyscall]":  # the kernel's gate, which shows for tasks that were 64-bit once
            continue
        if not name:
            offset = 0
        last = areas[-1] if areas else None
        if last and last[1] == start and last[2] == perms and last[4] == name and \
                (not name.startswith("/") or offset == last[3] + start - last[0]):
            last[1] = end
        else:
            areas.append([start, end, perms, offset, name])
    return {f"{s:x}-{e:x}": f"{perms} {off:x} {name}".rstrip() for s, e, perms, off, name in areas}


def _fields(text, keys):
    found = {}
    for line in (text or "").splitlines():
        key, _, value = line.partition(":")
        if key in keys:
            found[key] = " ".join(value.split())
    return found


def _fds(pid):
    names, infos = {}, {}
    try:
        numbers = sorted(map(int, os.listdir(f"/proc/{pid}/fd")))
    except OSError:
        numbers = []
    for fd in numbers:
        names[fd] = _link(f"/proc/{pid}/fd/{fd}")
        infos[fd] = _fields(system.read_text(f"/proc/{pid}/fdinfo/{fd}"), _FDINFO)
    return names, infos


def _stat(pid, tid):
    text = system.read_text(f"/proc/{pid}/task/{tid}/stat") or ")"
    return text.rpartition(")")[2].split() or [None] * 50


def _threads(pid):
    """Those of the program, and what /proc/PID/task/TID/stat has of them; the kernel has some of
    its own in processes that use io_uring."""
    try:
        tids = sorted(map(int, os.listdir(f"/proc/{pid}/task")))
    except OSError:
        return {}
    stats = {tid: _stat(pid, tid) for tid in tids}
    return {tid: stat for tid, stat in stats.items() if not int(stat[6] or 0) & PF_IO_WORKER}


def _sched(tid, stat):
    # Fields 18, 19, 40 and 41 of proc_pid_stat(5); the list starts at field 3.
    return {"priority": stat[15], "nice": stat[16], "rt_priority": stat[37], "policy": stat[38],
            "timerslack": (system.read_text(f"/proc/{tid}/timerslack_ns") or "").strip()}


def _task(pid, parent):
    fds, infos = _fds(pid)
    stats = _threads(pid)
    stat = stats.get(pid) or _stat(pid, pid)
    threads = list(stats)
    status = {}
    sched = {name: (system.read_text(f"/proc/{pid}/{name}") or "").strip()
             for name in ("oom_score_adj", "coredump_filter", "personality")}
    for tid in threads:
        text = system.read_text(f"/proc/{pid}/task/{tid}/status")
        for key, value in _fields(text, _STATUS).items():
            status[f"{tid} {key}"] = value
        for key, value in _sched(tid, stats[tid]).items():
            sched[f"{tid} {key}"] = value
    return {
        # The root's parent is whoever restored it.
        "tree": {"parent": parent, "group": stat[2], "session": stat[3], "tty": stat[4],
                 "zombie": stat[0] == "Z", "threads": threads},
        "maps": _maps(pid),
        "fds": fds,
        "fdinfo": infos,
        "links": {name: _link(f"/proc/{pid}/{name}") for name in ("cwd", "root", "exe")},
        "args": {"comm": {tid: system.read_text(f"/proc/{pid}/task/{tid}/comm") for tid in threads},
                 **{name: system.read_text(f"/proc/{pid}/{name}")
                    for name in ("cmdline", "environ", "auxv")}},
        "status": status,
        "limits": dict(enumerate((system.read_text(f"/proc/{pid}/limits") or "").splitlines())),
        "sched": sched,
    }


def take(root):
    """{pid: {aspect: {…}}} of the tree below root, root included."""
    tree = {root: _task(root, None)}
    queue = [root]
    while queue:
        parent = queue.pop()
        for child in system.children(parent):
            tree[child] = _task(child, parent)
            queue.append(child)
    return tree


def settled(root, limit=0.5):
    """A snapshot of a tree that has come to rest: two in a row that agree. A tree that never
    rests gives its last one."""
    deadline = time.monotonic() + limit
    last = take(root)
    while time.monotonic() < deadline:
        time.sleep(0.003)
        now = take(root)
        if now == last:
            break
        last = now
    return last


def _shorten(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + "…"


def differences(before, after, ignore=()):
    """Sentences, empty if the two agree but for the ignored aspects."""
    found = []
    for pid in sorted(set(before) | set(after)):
        if pid not in after or pid not in before:
            if "tree" not in ignore:
                found.append(f"task {pid} is {'gone' if pid not in after else 'new'}")
            continue
        if "tree" not in ignore and \
                before[pid]["tree"]["zombie"] != after[pid]["tree"]["zombie"]:
            found.append(f"task {pid} is {'no' if before[pid]['tree']['zombie'] else 'a'} zombie")
            continue
        for aspect in ASPECTS:
            if aspect in ignore:
                continue
            was, now = before[pid][aspect], after[pid][aspect]
            for key in sorted(set(was) | set(now), key=str):
                if was.get(key) != now.get(key):
                    found.append(f"task {pid}: {aspect} {key}: was {_shorten(was.get(key))}, "
                                 f"is {_shorten(now.get(key))}")
    return found


def compare(before, root, ignore=(), limit=0.5):
    """The differences between a snapshot and the living tree. A tree that is still settling
    after its restore gets a moment for it: a task that waits for a signal has it unblocked only
    when it has had a processor."""
    deadline = time.monotonic() + limit
    pause = 0.005
    while True:
        found = differences(before, take(root), ignore)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(pause)
        pause = min(pause * 2, 0.1)
