#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make -j builds Lua's interpreter from Debian's sources of it: makes with a job server between
them, shells, compiler drivers, cc1, as, ar, ld. The whole of it is dumped and restored in the
middle five times, at moments that differ with each run; what it built is bit for bit what an
uninterrupted build makes, no object was compiled twice, and the interpreter works.

wl: needs root program:make program:gcc
wl: areas task pipes files
wl: timeout 300"""

import glob
import hashlib
import os
import random
import shutil
import subprocess
import time

import cycles

BUILD = ["make", "-j4", "-C", "{}/src", "linux", "MYCFLAGS=-std=gnu99"]
SCRIPT = """
local t, s = {}, 0
for i = 1, 20000 do t[i] = ((t[i - 1] or 7) * 75 + 74) % 65537 end
table.sort(t)
for i, v in ipairs(t) do s = (s * 31 + v * i) % 1000000007 end
print(s, string.format("%q", ("lua"):rep(3, "-")), select("#", table.unpack(t, 1, 100)))
"""


def build(folder):
    return [word.format(folder) for word in BUILD]


def objects():
    return len(glob.glob("lua/src/*.o"))


def digests(folder):
    found = {}
    for path in glob.glob(f"{folder}/src/*.[oa]") + [f"{folder}/src/lua", f"{folder}/src/luac"]:
        with open(path, "rb") as f:
            found[os.path.basename(path)] = hashlib.sha256(f.read()).hexdigest()
    return found


def main():
    cycles.begin()
    got = subprocess.run([os.path.join(os.environ["SOURCE"], "tools", "source"), "lua5.4"],
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if got.returncode:
        cycles.skip((got.stderr.strip().splitlines() or ["tools/source failed"])[-1])
    source = got.stdout.strip()
    for folder in ("plain", "lua"):
        shutil.copytree(source, folder)
    cycles.run(build("plain"))

    app = cycles.App(build("lua"), moved=objects, total=len(glob.glob("plain/src/*.o")))
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
    cycles.check(digests("lua") == digests("plain"), "what was built differs")
    with open("script.lua", "w", encoding="ascii") as f:
        f.write(SCRIPT)
    cycles.check(cycles.run(["lua/src/lua", "script.lua"]) ==
                 cycles.run(["plain/src/lua", "script.lua"]), "the two interpreters differ")


main()
