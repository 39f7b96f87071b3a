#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dump --plan and restore --plan print the programs, and do nothing else: no image, no task, no
script, no file; and the plan of a restore names what the restore then does.

wl: needs root
wl: areas cli-rpc"""

import os
import re
import subprocess

import dumped
from lib import snapshot

CODE = """
import os, threading, time
os.umask(0o27)
if os.fork() == 0:
    time.sleep(1000)
threading.Thread(target=time.sleep, args=(1000,)).start()
open("begun", "w").close()
os.rename("begun", "ready")
time.sleep(1000)
"""


def plan(verb, *words, status=0):
    done = subprocess.run([dumped.TOOL, verb, "--plan", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    dumped.check(done.returncode == status,
                 f"{verb} --plan: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
    return done.stdout if not status else done.stderr


def main():
    dumped.begin()
    tree = dumped.python(CODE)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    child = dumped.system.children(tree.pid)[0]
    before = snapshot.settled(tree.pid)

    with open("script", "w") as f:
        f.write("#!/bin/sh\ntouch called\n")
    os.chmod("script", 0o755)
    script = ["--action-script", os.path.abspath("script")]
    os.mkdir("empty")
    text = plan("dump", "-t", str(tree.pid), "-D", "empty", *script)
    dumped.check(os.listdir("empty") == [], f"a plan wrote {os.listdir('empty')}")
    found = snapshot.compare(before, tree.pid)
    dumped.check(not found, "\n".join(found))
    threads = len(os.listdir(f"/proc/{tree.pid}/task"))
    dumped.check(len(re.findall(r"^(?:task|thread) \d+", text, re.M)) == threads + 1, text[:2000])
    dumped.check(re.search(rf"^task {child}: \d+ calls$", text, re.M), text[:2000])
    dumped.check("rt_sigaction(SIGHUP, NULL, area+" in text, text[:2000])
    dumped.check("again(63 times, raised by 1, 0, 32)" in text, text[:2000])
    done = subprocess.run([dumped.TOOL, "dump", "--plan", "--json", "-t", str(tree.pid),
                           "-D", "empty"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    dumped.check(done.returncode == 1 and "can't be had as JSON" in done.stdout, done.stdout)

    # The tree still runs: its ids are taken, and a plan does not mind.
    images = os.path.abspath("images")
    os.mkdir(images)
    done = subprocess.run([dumped.TOOL, "dump", "-t", str(tree.pid), "-D", images, "-R"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    dumped.check(done.returncode == 0, done.stderr)
    kept = {name: os.stat(f"{images}/{name}").st_mtime_ns for name in os.listdir(images)}
    text = plan("restore", "-D", images, *script)
    dumped.check(kept == {n: os.stat(f"{images}/{n}").st_mtime_ns for n in os.listdir(images)},
                 "a plan changed the images")
    dumped.check(not os.path.exists("called"), "a plan called a script")
    found = snapshot.compare(before, tree.pid)
    dumped.check(not found, "\n".join(found))
    dumped.check(re.search(r"^ +\d+  \w+ +umask\(027\)  must succeed", text, re.M), text[-3000:])
    dumped.check(re.search(r"start thread\(.*\)  must be \d+  # thread \d+$", text, re.M),
                 text[-3000:])
    dumped.check(re.search(r"prctl\(PR_SET_MM, ", text), text[:3000])
    dumped.check(re.search(rf"^task {child}: \d+ calls$", text, re.M), text[:2000])
    # Each program's calls are numbered from 0, in the order of their stages.
    for part in re.split(r"^(?:task|thread) .*\n", text, flags=re.M)[1:]:
        numbers = [int(line.split()[0]) for line in part.splitlines()]
        dumped.check(numbers == list(range(len(numbers))), part[:500])


main()
