#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""With a set-uid tool an ordinary user can neither dump nor restore a process of root, nor have a
file of root's read; root can do both.

wl: needs root
wl: areas creds cli-rpc"""

import os
import shutil
import subprocess

import dumped

UID = 43210


def run(tool, words, user):
    return subprocess.run([tool, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, user=user, group=user, extra_groups=[])


def main():
    dumped.begin()
    os.mkdir("place")
    os.chmod("place", 0o777)
    os.chdir("place")
    shutil.copy(dumped.TOOL, "crtools")
    os.chmod("crtools", 0o4755)
    with open("secret", "w", encoding="ascii") as f:
        f.write("swordfish 1\n")
    os.chmod("secret", 0o600)
    os.mkdir("images")
    os.chmod("images", 0o777)
    tree = dumped.Tree(["/bin/sleep", "1000"])

    def refused(words):
        done = run("./crtools", words, UID)
        dumped.check(done.returncode == 1 and "set-uid" in done.stderr and
                     "swordfish" not in done.stderr, f"{words}: {done}")

    refused(["dump", "-t", str(tree.pid), "-D", "images"])
    dumped.check(os.listdir("images") == [], "a refused dump left files")
    refused(["check", "-t", str(tree.pid), "--config", "secret"])
    refused(["exec", "-t", str(tree.pid), "getpid"])

    done = run("./crtools", ["dump", "-t", str(tree.pid), "-D", "images", "-R"], 0)
    dumped.check(done.returncode == 0, f"root's dump: {done}")
    tree.end()
    refused(["restore", "-D", "images", "-d"])
    dumped.check(not os.path.exists(f"/proc/{tree.pid}"), "a refused restore made a task")
    done = run("./crtools", ["restore", "-D", "images", "-d"], 0)
    dumped.check(done.returncode == 0, f"root's restore: {done}")
    tree.end()


main()
