#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a run leaves beside its images and its tree: the pid file, statistics on paper and in the
images, logs by level, by process and in the work directory; and --exec-cmd, which becomes another
program once the tree runs.

wl: needs root
wl: areas cli-rpc"""

import json
import os
import re
import subprocess

import dumped
from lib import system

PROGRAM = """
import os, time
memory = os.urandom(8 << 20)
if os.fork() == 0:
    time.sleep(1000)
open("ready", "w").close()
time.sleep(1000)
"""


def run(*words, status=0):
    done = subprocess.run([dumped.TOOL, *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60)
    dumped.check(done.returncode == status,
                 f"{words}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def figures(text):
    return {name: int(value) for name, value in re.findall(r"^(.+): (\d+)(?: us)?$", text, re.M)}


def entry(name):
    shown = json.loads(run("show", "--json", "-f", name).stdout)
    return shown["entries"][0]


def stats_of_dump(tree):
    said = run("dump", "-R", "-t", str(tree.pid), "-D", "images", "-W", "work", "--display-stats")
    dumped.check(said.stdout.startswith("Displaying dump stats:\n"), said.stdout)
    told = figures(said.stdout)
    kept = entry("work/stats-dump")["dump"]
    for name, key in (("Freezing time", "freezing_time"), ("Frozen time", "frozen_time"),
                      ("Memory pages written", "pages_written"),
                      ("Memory pages scanned", "pages_scanned")):
        dumped.check(told[name] == kept[key] > 0, f"{name}: {told} {kept}")
    pages = sum(os.stat(f"images/{n}").st_size for n in os.listdir("images")
                if n.startswith("pages-"))
    dumped.check(kept["pages_written"] * 4096 == pages, f"{kept} of {pages} bytes")
    dumped.check(kept["pages_written"] > 2048, kept)
    dumped.check(kept["freezing_time"] <= kept["frozen_time"] < 20_000_000, kept)
    dumped.check(not os.path.exists("images/stats-dump"), "statistics are in the images directory")


def stats_of_restore(tree):
    tree.end()
    said = run("restore", "-d", "-D", "images", "-W", "work", "--display-stats")
    told = figures(said.stdout)
    kept = entry("work/stats-restore")["restore"]
    for name, key in (("Pages restored", "pages_restored"), ("Restore time", "restore_time"),
                      ("Forking time", "forking_time")):
        dumped.check(kept[key] > 0 and (told[name] == kept[key] or "time" in name and
                                        told[name] > 0), f"{name}: {told} {kept}")
    dumped.check(kept["pages_restored"] + kept["pages_compared"] > 2048, kept)
    dumped.check(kept["forking_time"] <= kept["restore_time"], kept)


def pid_file(tree):
    tree.end()
    run("restore", "-d", "-D", "images", "-W", "work", "--pidfile", "root.pid")
    dumped.check(read("work/root.pid") == str(tree.pid), read("work/root.pid"))
    # Its ids are taken now: the restore fails, and takes its pid file away again.
    run("restore", "-d", "-D", "images", "-W", "work", "--pidfile", "other.pid", status=1)
    dumped.check(not os.path.exists("work/other.pid"), "a failed restore leaves a pid file")
    tree.end()
    said = run("restore", "-d", "-D", "images", "-W", "work", "--pidfile", "root.pid", status=1)
    dumped.check("root.pid exists already" in said.stderr, said.stderr)
    dumped.check(not tree.alive() and read("work/root.pid") == str(tree.pid), "it was restored")


def logs(tree):
    run("restore", "-d", "-D", "images", "-W", "work", "-o", "r.log", "-v4", "--log-pid")
    names = sorted(n for n in os.listdir("work") if n.startswith("r.log"))
    numbers = {int(n.rpartition(".")[2]) for n in names}
    wanted = {tree.pid, *system.descendants(tree.pid)}
    dumped.check(wanted <= numbers and len(numbers) == len(wanted) + 1, f"{names}, not {wanted}")
    sizes = []
    for level in range(5):
        run("dump", "-R", "-t", str(tree.pid), "-D", "images", "-o", f"v{level}.log", f"-v{level}")
        text = read(f"images/v{level}.log")
        sizes.append(len(text))
        stamped = re.search(r"^\(\d\d\.\d{6}\) ", text, re.M)
        dumped.check(bool(stamped) == (level >= 3), f"times at level {level}: {text[:200]}")
        dumped.check(("Dumping finished successfully" in text) == (level >= 3), text[-200:])
    dumped.check(sizes[0] == sizes[1] == 0 < sizes[3] < sizes[4], f"sizes by level: {sizes}")
    said = run("dump", "-R", "-t", str(tree.pid), "-D", "images", "-o", "-", "-v", "-v")
    dumped.check("Dumping finished successfully" in said.stdout and said.stderr == "", said)


def exec_cmd(tree):
    """It is the parent of the tree, and its status is the tool's."""
    tree.end()
    script = 'echo "$0 $1 $(ps -o ppid= -p ' + str(tree.pid) + ') $$"; exit 7'
    said = run("restore", "-D", "images", "--exec-cmd", "--", "/bin/sh", "-c", script, "a", "b c",
               status=7)
    words = said.stdout.split()
    dumped.check(words[:3] == ["a", "b", "c"] and words[3] == words[4], said.stdout)
    dumped.check(tree.alive(), "the tree ended with the command")
    tree.end()
    said = run("restore", "-D", "images", "--exec-cmd", "--", "/no/such/program", status=1)
    dumped.check("/no/such/program" in said.stderr, said.stderr)
    tree.end()
    for words, text in ((["--exec-cmd"], "--exec-cmd needs a command"),
                        (["-d", "--exec-cmd", "--", "true"], "exclude each other")):
        said = run("restore", "-D", "images", *words, status=1)
        dumped.check(text in said.stderr and not tree.alive(), said.stderr)


def main():
    dumped.begin()
    os.mkdir("images")
    os.mkdir("work")
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    stats_of_dump(tree)
    stats_of_restore(tree)
    pid_file(tree)
    logs(tree)
    exec_cmd(tree)


main()
