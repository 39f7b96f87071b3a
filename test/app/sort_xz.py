#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""xz compresses a stream with two threads, then uncompresses it into sort, which sorts with two
threads, in little memory: it writes runs to temporary files through compressors of its own, and
merges them through as many children and pipes. bash runs both; a third program packs the outcome.
What comes out, of either half, is byte for byte what comes out of an undisturbed run.

wl: needs root program:xz program:sort program:gzip
wl: areas pipes files threads task
wl: timeout 300"""

import os
import random

import cycles

COMMAND = """set -e -o pipefail
xz -2 -T2 --block-size=512KiB <lines >"$0/packed"
xz -dc -T2 <"$0/packed" | LC_ALL=C sort --parallel=2 -S 2M --batch-size=6 -T "$0/tmp" \\
	--compress-program=gzip | gzip -6n >"$0/sorted"
"""
LINES = 500000


def make_lines():
    source = random.Random(5)
    with open("lines", "w", encoding="ascii") as f:
        for number in range(LINES):
            f.write(f"{source.getrandbits(40):x} {number} {'abcde' * source.randrange(4)}\n")


def command(folder):
    os.makedirs(f"{folder}/tmp")
    return ["bash", "-c", COMMAND, os.path.abspath(folder)]


def outcome(folder):
    parts = []
    for name in ("packed", "sorted"):
        with open(os.path.join(folder, name), "rb") as f:
            parts.append(f.read())
    cycles.check(not os.listdir(f"{folder}/tmp"), "sort left temporary files behind")
    return parts


class Progress:
    """Bytes of all stages. What sort has put aside shrinks when it merges; the highest counts."""

    def __init__(self, folder):
        self.folder = folder
        self.aside = 0

    def __call__(self):
        aside = sum(cycles.size(entry.path) for entry in os.scandir(f"{self.folder}/tmp"))
        self.aside = max(self.aside, aside)
        return self.aside + sum(cycles.size(f"{self.folder}/{name}")
                                for name in ("packed", "sorted"))


def main():
    cycles.begin()
    make_lines()
    cycles.run(command("plain"))
    packed, ordered = outcome("plain")
    app = cycles.App(command("work"), moved=Progress("work"),
                     total=len(packed) + 2 * len(ordered))
    first, second = len(packed), len(packed) + len(ordered)
    for goal in (first * 0.3, first * 0.6, first + len(ordered) * 0.2, first + len(ordered) * 0.6,
                 second + len(ordered) * 0.2):
        app.await_progress(goal)
        app.cycle()
    app.wait()
    cycles.check(outcome("work") == [packed, ordered], "what came out differs")


main()
