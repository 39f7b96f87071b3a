#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool is killed with each thing there that it makes outside of itself: the hidden folder of
a new image set, a link for --link-remap, a deleted file that exists again for the restore, one
that has another file's name for a moment, the files of unix sockets, a frozen freezer group of
either version. Each is seen to be left, and crtools clean takes it away; what belongs to images
that were committed stays.

wl: needs root
wl: timeout 240"""

import json
import os
import re
import signal
import subprocess
import sys
import time

import survivors
from survivors import await_gone, check, end, run

from lib import system

HOLDER = """
import os, socket, time
os.mkdir("sub")
sockets = [socket.socket(socket.AF_UNIX, kind) for kind in (1, 2)]
for i in range(2):
    sockets[i].bind(f"sub/{i}.socket")
sockets[0].listen()
opened = os.open("opened", os.O_RDWR | os.O_CREAT, 0o640)
os.link("opened", "sub/other")
os.unlink("opened")
deleted = os.open("deleted", os.O_RDWR | os.O_CREAT, 0o640)
os.write(deleted, b"x" * 1000)
os.unlink("deleted")
taken = os.open("taken", os.O_RDWR | os.O_CREAT, 0o640)
os.write(taken, b"mine")
os.unlink("taken")
os.close(os.open("taken", os.O_RDWR | os.O_CREAT, 0o600))
os.mkdir("home")
os.chdir("home")
os.rmdir("../home")
os.close(os.open("../ready", os.O_WRONLY | os.O_CREAT))
""".replace('"../ready"', 'os.environ["READY"]').replace('"../home"', 'os.environ["GONE"]') + """
while True:
    time.sleep(0.01)
"""


def everything(folder):
    """Each name below it, and what it leads to."""
    found = {}
    for base, dirs, files in os.walk(folder):
        for name in dirs + files:
            path = os.path.join(base, name)
            st = os.lstat(path)
            found[path] = (st.st_mode, st.st_ino, st.st_nlink, st.st_size)
    return found


def points(*words):
    status, said = run(*words, fault="list")
    check(status == 0, said)
    return list(dict.fromkeys(re.findall(r"^fault point (\S+)$", said, re.M)))


def start():
    os.mkdir("work")
    top = os.getcwd()
    proc = subprocess.Popen([sys.executable, "-I", "-S", "-c", HOLDER], cwd="work",
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True,
                            env={"READY": f"{top}/ready", "GONE": f"{top}/work/home"})
    proc.returncode = 0
    deadline = time.monotonic() + 10
    while not os.path.exists("ready"):
        check(time.monotonic() < deadline, "the holder does not start")
        time.sleep(0.005)
    return proc.pid


def clean(context, before, kinds):
    """Notes what was left, then takes it away."""
    now = everything("work")
    for path in set(now) - set(before):
        kinds.add(re.sub(r"[0-9]+", "N", os.path.basename(path)))
    swapped = [path for path in before if path in now and now[path][:2] != before[path][:2]]
    if swapped:
        kinds.add("swapped")
    kinds.update(re.sub(r"-[0-9a-f]{16}$", "-X", name) for name in os.listdir("images")
                 if name.startswith("."))
    left = now != before or any(name.startswith(".") for name in os.listdir("images"))
    status, said = run("clean", "--json")
    told = json.loads(said)
    check(status == 0 and told["ok"] and told["running"] == 0, f"{context}: clean: {said}")
    check(told["journals"] == 1 and told["items"] or not left, f"{context}: not told: {said}")
    check(all(item["done"] and item["owner"] for item in told["items"]), f"{context}: {said}")
    now = everything("work")
    check(now == before,
          f"{context}: after clean, {sorted(set(now.items()) ^ set(before.items()))}")
    hidden = [name for name in os.listdir("images") if name.startswith(".")]
    check(not hidden, f"{context}: after clean, {hidden} is there")
    check(not os.listdir("/run/crtools"), f"{context}: a journal is left")
    status, said = run("clean")
    check(status == 0 and said == "There is nothing to take back.\n",
          f"{context}: clean, once more: {said}")


def dumps(pid):
    kinds = set()
    words = ["dump", "-D", "images", "-t", str(pid), "-R", "--link-remap"]
    names = points(*words)
    check("link_remap." in " ".join(os.listdir("work")), f"no link: {os.listdir('work')}")
    for name in os.listdir("work"):
        if name.startswith("link_remap."):
            os.unlink(f"work/{name}")
    before = everything("work")
    for name in [n for n in names if n != "dump-commit"]:
        status, said = run(*words, fault=f"{name}:kill")
        check(status == -signal.SIGKILL, f"{name}: {status}: {said}")
        clean(f"dump, killed at {name}", before, kinds)
        status, said = run(*words, fault=name)
        check(status == 1, f"{name}: {status}: {said}")
        check(everything("work") == before, f"a dump that failed at {name} has left something")
    print("dump:", " ".join(sorted(kinds)))
    wanted = {"link_remap.N", ".crtools-dump-X"}
    check(wanted <= kinds, f"killed dumps left {kinds}, but not {wanted - kinds}")
    status, said = run(*words[:-2], "--link-remap", fault="dump-commit:kill")
    check(status == -signal.SIGKILL, said)
    status, said = run("clean")
    check("link_remap." in " ".join(os.listdir("work")), f"clean took the images' link: {said}")


def unlink_sockets():
    """What a program that has ended leaves behind."""
    for i in range(2):
        if os.path.exists(f"work/sub/{i}.socket"):
            os.unlink(f"work/sub/{i}.socket")


def relink(before):
    """A restore takes the link away, which has then done its work."""
    unlink_sockets()
    stays = everything("work")
    for path, what in before.items():
        if path not in stays:
            os.link("work/sub/other", path)
            check(os.lstat(path).st_ino == what[1], f"another link: {path}")


def restores(pid):
    kinds = set()
    await_gone([pid], "dumped")
    unlink_sockets()
    before = everything("work")
    words = ["restore", "-D", "images", "-d"]
    names = points(*words)
    end([pid])
    at = names.index("restore-committed")
    relink(before)
    before = everything("work")
    for name in names[:at]:
        status, said = run(*words, fault=f"{name}:kill")
        check(status == -signal.SIGKILL, f"{name}: {status}: {said}")
        await_gone([pid], name)
        clean(f"restore, killed at {name}", before, kinds)
        status, said = run(*words, fault=name)
        if name == "restore-swapped":  # then it has another name in /proc, no more
            check(status == 0, f"{name}: {status}: {said}")
            end([pid])
            relink(before)
        else:
            check(status == 1, f"{name}: {status}: {said}")
        check(everything("work") == before, f"a restore that failed at {name} has left something")
    print("restore:", " ".join(sorted(kinds)))
    wanted = {".crtools-N-N", ".crtools-N-swap", "swapped", "home", "N.socket"}
    check(wanted <= kinds, f"killed restores left {kinds}, but not {wanted - kinds}")
    status, said = run(*words)
    check(status == 0, said)
    end([pid])


FREEZERS = (("/sys/fs/cgroup/freezer", "freezer.state", "FROZEN", "THAWED"),
            ("/sys/fs/cgroup/unified", "cgroup.freeze", "1", "0"),
            ("/sys/fs/cgroup", "cgroup.freeze", "1", "0"))


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def reaches(path, text, context):
    deadline = time.monotonic() + 3
    while (system.read_text(path) or "").strip() != text:
        check(time.monotonic() < deadline, f"{context}: {path} is {system.read_text(path)!r}")
        time.sleep(0.005)


def sleep_all(pids, context):
    """All go on, into their sleep."""
    deadline = time.monotonic() + 3
    while (states := [system.process_state(pid) for pid in pids]) != ["S"] * len(pids):
        check(time.monotonic() < deadline, f"{context}: tasks are in states {states}")
        time.sleep(0.005)


def freezer(group, state, frozen, thawed):
    proc = subprocess.Popen(["/bin/sh", "-c", "sleep 1000 & sleep 1000"],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL, start_new_session=True)
    proc.returncode = 0
    time.sleep(0.05)
    pids = [proc.pid, *system.descendants(proc.pid)]
    for pid in pids:
        write(f"{group}/cgroup.procs", str(pid))
    os.makedirs("frozen", exist_ok=True)
    words = ["dump", "-D", "frozen", "-t", str(proc.pid), "-R", "--freeze-cgroup", group]
    # What it is at first, where the tool is killed, what it is then.
    for first, point, then in ((thawed, "freeze-group", frozen), (thawed, "dump-files", thawed),
                               (frozen, "dump-files", thawed), (frozen, "dump-commit", None)):
        context = f"{group} {first}, killed at {point}"
        write(state, first)
        reaches(state, first, context)
        status, said = run(*words, fault=f"{point}:kill")
        check(status == -signal.SIGKILL, f"{context}: {status}: {said}")
        if then:
            reaches(state, then, context)
        status, said = run("clean")
        check(status == 0, f"{context}: {said}")
        reaches(state, first, f"{context}, then clean")
    write(state, thawed)
    sleep_all(pids, group)
    status, said = run(*[w for w in words if w != "-R"])
    check(status == 0, said)
    await_gone(pids, "dumped")
    reaches(state, thawed, f"{group} after a dump")
    status, said = run("restore", "-D", "frozen", "-d")
    check(status == 0, said)
    reaches(state, thawed, f"{group} after a restore")
    sleep_all(pids, f"{group}, restored")
    end(pids)


def freezers():
    found = 0
    for top, name, frozen, thawed in FREEZERS:
        group = f"{top}/crtools-left-{os.getpid()}-{time.monotonic_ns()}"
        try:
            os.mkdir(group)
        except OSError:
            continue
        try:
            if os.path.exists(f"{group}/{name}"):
                found += 1
                freezer(group, f"{group}/{name}", frozen, thawed)
        finally:
            for pid in (system.read_text(f"{group}/cgroup.procs") or "").split():
                os.kill(int(pid), signal.SIGKILL)
            if os.path.exists(f"{group}/{name}"):
                write(f"{group}/{name}", thawed)
                reaches(f"{group}/cgroup.procs", "", "an empty group")
            os.rmdir(group)
    check(found, "no freezer group can be made here")


def main():
    survivors.begin()
    os.mkdir("/run/crtools")
    os.mkdir("images")
    pid = start()
    dumps(pid)
    os.kill(pid, signal.SIGKILL)
    restores(pid)
    freezers()


main()
