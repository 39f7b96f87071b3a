#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tar and gzip, both ways: an archive of a part of /usr is made, compressed, uncompressed and
unpacked again by four programs at once, joined by pipes that are full most of the time. Every
file comes out as it went in.

wl: needs root program:tar program:gzip
wl: areas pipes files"""

import filecmp
import os
import subprocess

import cycles

TREE = "/usr/share/perl"
COMMAND = "set -o pipefail; tar -C {} -cf - . | gzip -6 | gzip -d | tar -C copy -xf -"


def files(top):
    return sorted(os.path.relpath(os.path.join(folder, name), top)
                  for folder, _, names in os.walk(top) for name in names)


def main():
    cycles.begin()
    os.makedirs("source")
    source = next(path for path in (TREE, "/usr/lib/python3", "/usr/share") if os.path.isdir(path))
    subprocess.run(["cp", "-r", source, "source"], check=True)
    # Enough of it for a few seconds of work, with much that does not compress.
    for number in range(24):
        with open(f"source/random{number}", "wb") as f:
            f.write(os.urandom(1 << 20))
            f.write(bytes(range(256)) * 8192)
            f.write(os.urandom(512) * 4096)
    os.mkdir("copy")
    names = files("source")
    app = cycles.App(["bash", "-c", COMMAND.format("source")],
                     moved=lambda: len(files("copy")), total=len(names))
    app.cycles()
    app.wait()
    cycles.check(files("copy") == names, "the names of the files differ")
    equal, different, failed = filecmp.cmpfiles("source", "copy", names, shallow=False)
    cycles.check(len(equal) == len(names), f"these differ: {(different + failed)[:5]}")


main()
