#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""fio, which writes blocks with checksums and reads them again, with sixteen requests under way: by
rings of io_uring (plain; with registered files and buffers), by Linux' AIO, and by threads of the
C library's AIO. No block may be lost, doubled or be another's: fio finds them by what it wrote
into each, and in the end has to have no error.

wl: needs root io_uring program:fio
wl: areas aio-uring-bpf files
wl: timeout 300
wl: idle"""

import json
import os

import cycles
from cycles import check

SIZE = 4 << 20
KINDS = {"io_uring": [], "io_uring_fixed": ["--registerfiles", "--fixedbufs"], "libaio": [],
         "posixaio": []}


def command(kind, words):
    """Slow enough to be met at work: each of the two jobs writes its file once, and verifies it."""
    return ["fio", f"--ioengine={kind.removesuffix('_fixed')}", "--iodepth=16", "--rw=randwrite",
            "--bs=4k", f"--size={SIZE}", "--verify=crc32c", "--verify_fatal=1", "--rate=2m,2m",
            "--thread", "--direct=1", f"--filename={kind}.data", "--name=job",
            "--output-format=json", f"--output={kind}.json", *words]


def written(kind):
    """How many of its blocks are there."""
    try:
        return os.stat(f"{kind}.data").st_blocks // 8
    except FileNotFoundError:
        return 0


def check_report(kind):
    with open(f"{kind}.json", encoding="ascii") as f:
        job = json.load(f)["jobs"][0]
    check(job["error"] == 0, f"{kind}: fio says error {job['error']}")
    for way in ("write", "read"):
        done = job[way]["total_ios"]
        check(done == SIZE // 4096, f"{kind}: {done} blocks by {way}, not {SIZE // 4096}")


def main():
    cycles.begin()
    for kind, words in KINDS.items():
        app = cycles.App(command(kind, words), lambda kind=kind: written(kind), SIZE // 4096)
        app.cycles(times=3)
        app.wait()
        check_report(kind)


main()
