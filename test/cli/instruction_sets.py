#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What of a processor matters to a tree: a restore names the mapped program that is built for
instructions which are not here, the registers that are in use, and the signal stack that has become
too small; --cpu-cap decides. The images and the program are edited to speak of what no processor
has.

wl: needs root program:gcc
wl: areas arch"""

import json
import os
import struct
import subprocess

import dumped
from lib import system

PROGRAM = """
#include <signal.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>
int main(void)
{
	stack_t stack = { .ss_size = getauxval(51) - 64 };
	stack.ss_sp = malloc(stack.ss_size);
	if (sigaltstack(&stack, 0))
		return 1;
	for (;;)
		pause();
}
"""
MARK = struct.pack("<II", 0xC0008002, 4)  # the property that names the levels, and its length
PEER = os.environ.get("PEER")
CRIT = os.path.join(os.path.dirname(PEER), "crit") if PEER else None


def levels(value):
    """Rewrites them in the program on the disk."""
    with open("program", "r+b") as f:
        data = f.read()
        f.seek(data.index(MARK) + len(MARK))
        f.write(struct.pack("<I", value))


def edit(name, change):
    data = json.loads(subprocess.run([CRIT, "decode", "-i", name], check=True,
                                     stdout=subprocess.PIPE).stdout)
    change(data["entries"][0])
    subprocess.run([CRIT, "encode", "-o", name], input=json.dumps(data).encode(), check=True)


def refused(tree, text, cure):
    """By default; with the cure it is tried, and the program goes on."""
    said = tree.restore("-v4")
    dumped.check(not said and text in said.text, f"not refused for '{text}': {said.text}")
    dumped.check("restore-fork" not in said.text, "refused after the fork only")
    tree.must_restore(cure)


with open("program.c", "w", encoding="ascii") as f:
    f.write(PROGRAM)
subprocess.run(["gcc", "-o", "program", "program.c", "-Wl,-z,x86-64-v2"], check=True)
system.become_subreaper()
tree = dumped.Tree([os.path.abspath("program")])
dumped.await_true("the program", lambda: "pause" in
                  (open(f"/proc/{tree.pid}/wchan", encoding="ascii").read() or "pause") and
                  open(f"/proc/{tree.pid}/syscall", encoding="ascii").read().split()[0] == "34")

# A processor that this program is built for, and one that nobody has built yet.
tree.must_dump("--cpu-cap=all")
tree.must_restore()
tree.must_dump("--cpu-cap=all")
levels(1 << 4)
refused(tree, "is built for a processor of a level (5)", "--cpu-cap=fpu")
with open("/proc/cpuinfo", encoding="ascii") as f:
    wide = "avx512f" in f.read()
tree.must_dump("--cpu-cap=all")
levels(1 << 3)
if wide:
    tree.must_restore()
else:
    refused(tree, "is built for x86-64-v4, and this processor lacks avx512f", "--cpu-cap=fpu")

if not CRIT:
    print("CRIU is not here: only what programs demand was checked")
    raise SystemExit(77)


def in_use(core):
    xsave = core["thread_info"]["fpregs"]["xsave"]
    xsave["xstate_bv"] |= 8
    xsave["bndreg_state"] = [1] + [0] * 7


def fewer(cpu):
    cpu["x86_entry"][0]["xsave_size"] -= 256


# Registers in use that are not here (no processor has MPX and the rest of this), and unused ones.
tree.must_dump("--cpu-cap=all")
os.unlink(f"{tree.images}/crtools-manifest.img")
edit(f"{tree.images}/core-{tree.pid}.img", in_use)
refused(tree, "register set 3 (MPX bounds): is in use by thread", "--cpu-cap=ins")

# More registers than there were, and a signal stack that was just enough.
tree.must_dump("--cpu-cap=all")
os.unlink(f"{tree.images}/crtools-manifest.img")
edit(f"{tree.images}/cpuinfo.img", fewer)
refused(tree, "alternate signal stack of thread", "--cpu-cap=ins")
tree.end()
