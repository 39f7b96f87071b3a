#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make -j builds real C projects: makes with a job server between them, shells, compiler drivers,
cc1, as, ar, ld. The whole of a build is dumped and restored in the middle five times, at moments
that differ with each run; what it built is bit for bit what an uninterrupted build makes, no
object was compiled twice, and the programs work. One project is always there: the rooms base and
kernel of this one, optimised at link time, for which the linker's plugin runs a make of its own
with the parent's job server. The other is Lua's interpreter, where its sources can be fetched.

wl: needs root program:make program:gcc
wl: areas task pipes files
wl: timeout 300"""

import glob
import hashlib
import os
import platform
import random
import shutil
import subprocess
import time

import cycles

SOURCE = os.environ["SOURCE"]
ROOMS = ("base", "kernel")
UNITS = ("base_arena", "kernel_proc")
# The sections of an object for the link have names with a random number, unless it is given.
MAKEFILE = """
CFLAGS = -std=gnu17 -O1 -flto=2 -frandom-seed=$@ -fno-strict-aliasing -I. \\
	-D_GNU_SOURCE= -DCRTOOLS_VERSION='"0"'
objects = $(patsubst %.c,%.o,$(wildcard base/*.c kernel/*.c kernel/*/*.c))
all: test_base_arena test_kernel_proc
test_base_arena test_kernel_proc: %: %.o rooms.a
	+$(CC) $(CFLAGS) -o $@ $^ -lcmocka -pthread
rooms.a: $(objects)
	gcc-ar rcsD $@ $^
"""
SCRIPT = """
local t, s = {}, 0
for i = 1, 20000 do t[i] = ((t[i - 1] or 7) * 75 + 74) % 65537 end
table.sort(t)
for i, v in ipairs(t) do s = (s * 31 + v * i) % 1000000007 end
print(s, string.format("%q", ("lua"):rep(3, "-")), select("#", table.unpack(t, 1, 100)))
"""


class Rooms:
    """Of this project, with their unit tests: nothing of it is generated."""

    target = "all"

    def lay_out(self, folder):
        other = "_aarch64.c" if platform.machine() == "x86_64" else "_x86_64.c"
        for room in ROOMS:
            shutil.copytree(os.path.join(SOURCE, "src", room), os.path.join(folder, room),
                            ignore=shutil.ignore_patterns("*" + other))
        for unit in UNITS:
            shutil.copy(os.path.join(SOURCE, "test", "unit", f"test_{unit}.c"), folder)
        with open(os.path.join(folder, "Makefile"), "w", encoding="ascii") as f:
            f.write(MAKEFILE)
        return folder

    def programs(self, top):
        return [os.path.join(top, f"test_{unit}") for unit in UNITS]

    def outcome(self, top):
        """Each has to succeed; what they say depends on the moment."""
        for program in self.programs(top):
            cycles.run([program], env={**os.environ, "CRTOOLS_SOURCE": SOURCE})


class Lua:
    """Debian's sources of it."""

    target = "linux"

    def __init__(self, source):
        self.source = source

    def lay_out(self, folder):
        shutil.copytree(self.source, folder)
        return os.path.join(folder, "src")

    def programs(self, top):
        return [os.path.join(top, "lua"), os.path.join(top, "luac")]

    def outcome(self, top):
        with open("script.lua", "w", encoding="ascii") as f:
            f.write(SCRIPT)
        return cycles.run([os.path.join(top, "lua"), "script.lua"])


def objects(top):
    return glob.glob(f"{top}/**/*.o", recursive=True)


def command(project, top):
    return ["make", "-j4", "-C", top, project.target, "MYCFLAGS=-std=gnu99"]


def digests(project, top):
    found = {}
    for path in objects(top) + glob.glob(f"{top}/*.a") + project.programs(top):
        with open(path, "rb") as f:
            found[os.path.relpath(path, top)] = hashlib.sha256(f.read()).hexdigest()
    return found


def build(project, name):
    """Twice in one place, which an object for the link names; the second time interrupted."""
    top = project.lay_out(name)
    cycles.run(command(project, top))
    os.rename(name, f"{name}-plain")
    plain = os.path.join(f"{name}-plain", os.path.relpath(top, name))
    project.lay_out(name)
    if os.path.exists("log"):
        os.rename("log", "log-before")
    app = cycles.App(command(project, top), moved=lambda: len(objects(top)),
                     total=len(objects(plain)))
    for number in range(cycles.CYCLES):
        app.await_progress(app.total * number // 6)
        time.sleep(random.uniform(0, 0.15))
        cycles.check(app.alive(), "the build ended before its last dump")
        app.cycle()
    app.wait()

    with open(app.log, encoding="utf-8") as log:
        lines = log.read().splitlines()
    compiled = [line.split()[-1] for line in lines if " -c " in line]
    cycles.check(len(compiled) == len(set(compiled)) == app.total,
                 f"{len(compiled)} objects were compiled, {len(set(compiled))} different ones")
    cycles.check(digests(project, top) == digests(project, plain), "what was built differs")
    cycles.check(project.outcome(top) == project.outcome(plain), "the programs differ")


def main():
    cycles.begin()
    build(Rooms(), "rooms")
    got = subprocess.run([os.path.join(SOURCE, "tools", "source"), "lua5.4"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if got.returncode:
        print((got.stderr.strip().splitlines() or ["tools/source failed"])[-1])
    else:
        build(Lua(got.stdout.strip()), "lua")


main()
