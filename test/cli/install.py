#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`make install` into a folder: the tool there works, the man page has no faults; `make uninstall`
leaves no file.

wl: needs root program:make program:man
wl: areas cli-rpc"""

import os
import subprocess

import dumped
from lib import system

BUILD = os.path.dirname(dumped.TOOL)


def make(target, folder):
    done = subprocess.run(["make", "-s", "-C", os.environ["SOURCE"], target, f"B={BUILD}",
                           f"DESTDIR={folder}"], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120, check=False)
    dumped.check(done.returncode == 0, f"make {target}: {done.stdout}{done.stderr}")


def files(folder):
    return sorted(os.path.join(top, name) for top, _, names in os.walk(folder) for name in names)


def main():
    dumped.begin()
    folder = os.path.abspath("staging")
    make("install", folder)
    found = {os.path.basename(path): path for path in files(folder)}
    for name in ("crtools", "_crtools", "crtools.8"):
        dumped.check(name in found, f"{name} is missing: {found}")
    tool = next(path for path in files(folder) if path.endswith("sbin/crtools"))
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
    dumped.check(said.stdout.startswith("Version: "), said.stdout)
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                           found["crtools.8"]], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    dumped.check(done.returncode == 0 and done.stderr == "", done.stderr)
    make("uninstall", folder)
    dumped.check(files(folder) == [], f"left behind: {files(folder)}")


def keeping_log(function):
    """What was installed from this build before can be uninstalled afterwards."""
    log = os.path.join(BUILD, "meson-logs", "install-log.txt")
    before = system.read_text(log)
    try:
        function()
    finally:
        if before is not None:
            with open(log, "w", encoding="utf-8") as f:
                f.write(before)


keeping_log(main)
