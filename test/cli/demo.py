#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/demo, as make demo runs it but with less to pack: it shows all of its four parts on one
screen, claims no more than is so, and leaves neither processes nor files behind. With a crtools
that says that it has restored and has not, it fails and says what is missing.

wl: needs root
wl: areas cli-rpc
wl: timeout 120"""

import os
import re
import subprocess
import sys

import dumped

DEMO = os.path.join(os.environ["SOURCE"], "tools", "demo")
LIAR = """#!/bin/sh
[ "$1" = restore ] && exit 0
exec {tool} "$@"
"""


def demo(tool):
    """With a tool in place of the built one, and temporary files where we see them."""
    os.makedirs("tmp", exist_ok=True)
    env = {**os.environ, "B": os.path.dirname(tool), "TMPDIR": os.path.abspath("tmp")}
    done = subprocess.run([sys.executable, DEMO, "--small"], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    dumped.check(os.listdir("tmp") == [], f"files are left: {os.listdir('tmp')}")
    dumped.check(not dumped.system.descendants(os.getpid()), "processes are left")
    return done.returncode, done.stdout


def numbers(pattern, text):
    found = re.search(pattern, text)
    dumped.check(found, f"nothing like {pattern!r} in:\n{text}")
    return [int(group.replace(",", "")) for group in found.groups()]


def shows():
    status, text = demo(dumped.TOOL)
    dumped.check(status == 0, f"the demo failed:\n{text}")
    lines = text.splitlines()
    dumped.check(len(lines) <= 48 and "\033" not in text, f"not one plain screen:\n{text}")
    dumped.check([line[0] for line in lines if line[0] != " "] == list("1234"), text)
    pid, = numbers(r"crtools dump -t (\d+)", text)
    gone = re.search(r"kill -0 ([\d ]+)", text).group(1).split()
    dumped.check(len(gone) == 4 and gone[0] == str(pid), f"not four processes: {gone}")
    shown = re.findall(r"^ *(?:[├└]─ )?(\d+) (bash|primes|tar|gzip) +alive", text, re.M)
    dumped.check(sorted(number for number, _ in shown) == sorted(gone) and
                 sorted(name for _, name in shown) == ["bash", "gzip", "primes", "tar"],
                 f"{shown} are shown, {gone} were dumped")
    begun, share = numbers(r"in the middle: archive (\d+)\.\d MiB, primes (\d+) %", text)
    ended, = numbers(r"status 0; archive (\d+)\.\d MiB", text)
    dumped.check(begun < ended and share < 100, "it was not dumped in the middle")
    files, = numbers(r"✓ (\d+) files in the archive", text)
    primes, = numbers(r"✓ ([\d,]+) primes below 500,000,000", text)
    dumped.check(files > 50 and primes == 26355867, f"{files} files, {primes} primes")


def sees_lies():
    os.mkdir("liar")
    tool = os.path.abspath("liar/crtools")
    with open(tool, "w", encoding="ascii") as f:
        f.write(LIAR.format(tool=dumped.TOOL))
    os.chmod(tool, 0o755)
    status, text = demo(tool)
    dumped.check(status == 1 and "the tree was [" in text.splitlines()[-1],
                 f"status {status} without a restore:\n{text}")


def main():
    dumped.begin()
    shows()
    sees_lies()


main()
