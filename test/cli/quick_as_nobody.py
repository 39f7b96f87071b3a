#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make check-quick is for whoever has no root: the quick tests, all of them, pass for an ordinary
user. The build is shown to him as one of his own (an overlay), so nothing of it is changed.

wl: needs root overlayfs
wl: areas cli-rpc"""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import system  # noqa: E402

SOURCE = os.environ["SOURCE"]
BUILD = os.path.dirname(os.environ["CRTOOLS"])
NOBODY = 65534


def as_nobody():
    system.ordinary_user(NOBODY)


def may_enter(path):
    done = subprocess.run(["test", "-x", path, "-a", "-r", path], preexec_fn=as_nobody)
    return done.returncode == 0


def own_build():
    """In a mount namespace of ours: what is written comes into memory."""
    for name in ("upper", "work", "home"):
        os.mkdir(f"/run/{name}")
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={BUILD},upperdir=/run/upper,workdir=/run/work", BUILD], check=True)
    # A file that changes hands is copied; the workloads are not wanted.
    subprocess.run(["find", BUILD, "/run/home", "-path", f"{BUILD}/workload", "-prune", "-o",
                    "-exec", "chown", str(NOBODY), "{}", "+"], check=True)


def main():
    system.private_run()
    if not may_enter(SOURCE) or not may_enter(BUILD):
        print(f"an ordinary user may not enter {SOURCE} or {BUILD}")
        sys.exit(77)
    own_build()
    env = {"PATH": os.environ["PATH"], "HOME": "/run/home", "TMPDIR": "/run/home"}
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "test/run"), "-j", "2", "--build",
                           BUILD, "quick"], preexec_fn=as_nobody, env=env, cwd="/run/home",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    counts = re.search(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", done.stdout, re.M)
    if done.returncode or not counts or counts[2] != "0" or int(counts[1]) < 15:
        sys.exit(1)


main()
