#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Walks through the fault points of dump and restore, as the tool lists them: at each it is made
to fail, then to die by SIGKILL, then it is sent SIGTERM. After a dump of any such end the tree
goes on, and the images directory holds the old set, whole, or none; after a restore there is no
task (or, behind the point of no return, the whole tree), no file and no journal (after SIGKILL:
when crtools clean has been there), and the images restore.

wl: needs root
wl: timeout 300"""

import os
import re
import signal

import survivors
from survivors import Held, await_gone, check, end, run

from lib import system

# From here on the tree lives, whatever happens to the tool; behind the other one it runs.
DECIDED = "restore-committed"
LAST = "restore-resume"


def points(*words):
    status, said = run(*words, fault="list")
    check(status == 0, said)
    return list(dict.fromkeys(re.findall(r"^fault point (\S+)$", said, re.M)))


def snapshot(folder):
    return {name: os.stat(os.path.join(folder, name)).st_mtime_ns for name in os.listdir(folder)
            if not name.startswith("stats-")}


def clean(context):
    status, said = run("clean")
    check(status == 0, f"{context}: {said}")
    left = os.listdir("/run/crtools")
    check(not left, f"{context}: journals are left: {left}")


def after_dump(tree, context, before):
    tree.check_well(context)
    now = snapshot("images")
    whole = "inventory.img" in now
    hidden = [name for name in now if name.startswith(".")]
    check(not hidden, f"{context}: {hidden} is left")
    check(whole, f"{context}: the old set is gone")
    check(now == before, f"{context}: the old set was changed: {before} to {now}")


def walk_dump(tree):
    words = ["dump", "-D", "images", "-t", str(tree.pid), "-R"]
    status, said = run(*words)
    check(status == 0, said)
    names = points(*words)
    print(f"dump: {' '.join(names)}")
    check(len(names) > 15, f"only {names}")
    # Behind the commit the new set stands: the tool may only say so.
    for name in names:
        if name == "dump-commit":
            continue
        before = snapshot("images")
        status, said = run(*words, fault=name)
        check(status == 1 and name in said, f"{name}: status {status}: {said}")
        after_dump(tree, f"failed at {name}", before)
        check(not os.listdir("/run/crtools"), f"failed at {name}: a journal is left")
        tree.check_maps(f"failed at {name}")
        status, said = run(*words, fault=name + ":kill")
        check(status == -signal.SIGKILL, f"{name}: status {status}: {said}")
        tree.check_well(f"killed at {name}")
        clean(f"killed at {name}")
        after_dump(tree, f"killed at {name}", before)
        tree.check_maps(f"killed at {name}")
    for name in [n for n in names if n.startswith("dump-") and n != "dump-commit"]:
        before = snapshot("images")
        status, said = Held(name, *words).go_on(signal.SIGTERM)
        check(status == -signal.SIGTERM, f"SIGTERM at {name}: status {status}: {said}")
        check("SIGTERM" in said or "TERM" in said, f"SIGTERM at {name}: {said}")
        after_dump(tree, f"SIGTERM at {name}", before)
        check(not os.listdir("/run/crtools"), f"SIGTERM at {name}: a journal is left")


def walk_restore(tree):
    pids = tree.processes()
    words = ["restore", "-D", "images", "-d"]
    status, said = run("dump", "-D", "images", "-t", str(tree.pid))
    check(status == 0, said)
    await_gone(pids, "the dumped tree")
    names = points(*words)
    print(f"restore: {' '.join(names)}")
    check(len(names) > 12, f"only {names}")
    tree.check_well("after a restore")
    end(pids)
    files = sorted(os.listdir("."))
    mounts = system.read_text("/proc/self/mounts")
    at = names.index(DECIDED)
    for name in names[:at]:
        for fault, want in ((name, 1), (name + ":kill", -signal.SIGKILL)):
            status, said = run(*words, fault=fault)
            check(status == want, f"{fault}: status {status}: {said}")
            check(want < 0 or name in said, f"{fault}: {said}")
            check(said.count("Error: made to fail") == (want > 0), f"{fault}: {said}")
            if want < 0:
                await_gone(pids, fault)
                clean(fault)
            await_gone(pids, fault)
            check(sorted(os.listdir(".")) == files, f"{fault}: {files} became {os.listdir('.')}")
            check(system.read_text("/proc/self/mounts") == mounts, f"{fault}: mounts changed")
            check(not os.listdir("/run/crtools"), f"{fault}: a journal is left")
        if name.startswith("restore-") and name != "restore-untying":
            status, said = Held(name, *words).go_on(signal.SIGINT)
            check(status == -signal.SIGINT, f"SIGINT at {name}: status {status}: {said}")
            await_gone(pids, f"SIGINT at {name}")
            check(sorted(os.listdir(".")) == files, f"SIGINT at {name}: {os.listdir('.')}")
    for name in [n for n in names[at:] if n != LAST]:
        for fault, want in ((name, 0), (name + ":kill", -signal.SIGKILL)):
            status, said = run(*words, fault=fault)
            check(status == want, f"{fault}: status {status}: {said}")
            tree.check_well(fault)
            clean(fault)
            tree.check_maps(f"{fault}, then crtools clean")
            tree.check_well(f"{fault}, then crtools clean")
            check(sorted(os.listdir(".")) == files, f"{fault}: {files} became {os.listdir('.')}")
            end(pids)
    status, said = run(*words)
    check(status == 0, f"after all faults: {said}")
    tree.check_well("after all faults")


def main():
    survivors.begin()
    os.mkdir("/run/crtools")
    tree = survivors.Subject()
    os.mkdir("images")
    walk_dump(tree)
    walk_restore(tree)


main()
