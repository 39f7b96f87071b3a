#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`make install` into a folder: the tool works there, each command has a faultless man page and
completion in bash; `make uninstall` leaves no file.

wl: needs root program:make program:man
wl: areas cli-rpc"""

import os
import re
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


def read_page(path):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=False)
    dumped.check(done.returncode == 0 and done.stderr == "", f"{path}: {done.stderr}")


def completes(found, verb):
    """What bash offers behind "crtools VERB --": each option that its help names, but no other."""
    script = next(path for name, path in found.items() if "bash-completion" in path)
    said = subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=(crtools {verb} --); "
                           "COMP_CWORD=2; _crtools; printf '%s\\n' \"${COMPREPLY[@]}\""],
                          capture_output=True, text=True, check=True).stdout.split()
    told = subprocess.run([dumped.TOOL, verb, "--help"], capture_output=True, text=True,
                          check=True).stdout
    refused = told.partition("Refused by this version:")
    names = set(re.findall(r"--(?:\[no-\])?([a-z][a-z-]+)", refused[0].partition("\n\n")[2]))
    offered = {name[2:] for name in said}
    dumped.check("help" in names and names <= offered, f"{verb}: {names - offered} not offered")
    dumped.check(not offered & set(re.findall(r"--([a-z-]+)", refused[2])), f"{verb}: {offered}")


def main():
    dumped.begin()
    folder = os.path.abspath("staging")
    make("install", folder)
    found = {os.path.basename(path): path for path in files(folder)}
    for name in ("crtools", "_crtools", "crtools.1"):
        dumped.check(name in found, f"{name} is missing: {found}")
    tool = next(path for path in files(folder) if path.endswith("sbin/crtools"))
    said = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
    dumped.check(said.stdout.startswith("Version: "), said.stdout)
    verbs = re.findall(r"^  ([a-z]+) {2,}", subprocess.run(
        [tool, "--help"], capture_output=True, text=True, check=True).stdout, re.M)
    dumped.check(len(verbs) == 7, verbs)
    read_page(found["crtools.1"])
    for verb in verbs:
        read_page(found[f"crtools-{verb}.1"])
        completes(found, verb)
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
