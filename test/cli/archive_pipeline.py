#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An archiver pipes into a compressor, over a tree of random files; both are dumped and restored in
the middle, three times. The archive is bit for bit that of a run that was not interrupted.

wl: needs root program:tar program:gzip
wl: areas pipes files"""

import hashlib
import os
import random
import subprocess
import time

import dumped

COMMAND = "tar --sort=name --mtime=@1000000000 --owner=0 --group=0 -cf - tree | gzip -n -9 > {}"


def make_tree():
    source = random.Random(1)
    letters = b"abcdef" * 42 + b"abcd"
    for number in range(150):
        folder = f"tree/{number % 20}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{number}", "wb") as f:
            # Half of it compresses, so that the compressor has work to do.
            f.write(source.randbytes(source.randrange(100_000)))
            f.write(source.randbytes(source.randrange(200_000)).translate(letters))


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def main():
    dumped.begin()
    make_tree()
    subprocess.run(["sh", "-c", COMMAND.format("expected")], check=True)
    tree = dumped.Tree(["sh", "-c", COMMAND.format("archive") + "; exit $?"])
    whole = os.stat("expected").st_size
    for part in (0.2, 0.4, 0.6):
        dumped.await_true(f"{part:.0%} of the archive", lambda: os.path.exists("archive") and
                          os.stat("archive").st_size > whole * part, limit=120)
        dumped.check(tree.alive(), "the pipeline ended before it could be dumped")
        tree.must_dump("--shell-job")
        time.sleep(0.1)
        tree.must_restore("--shell-job")
    status = dumped.system.wait_child(tree.pid, 120)
    dumped.check(status == 0, f"the pipeline ended with status {status}")
    dumped.check(digest("archive") == digest("expected"), "the archive differs")


main()
