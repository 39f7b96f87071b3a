#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile images: a set without its manifest, as one of CRIU's or one that was edited, is damaged
in one place at a time: a bit, a byte, the end; and, since most flips only break the framing, each
number of each message is replaced by those at the edges of its type, with all lengths made to fit.
restore --plan reads, verifies, judges and plans each: it has to end by itself with 0, or with 1 and
an error, never by a signal or with a sanitizer's report, nor with a lot of memory.

HOSTILE=N takes every Nth mutation (1: all of them) instead of a few hundred; run it on a build with
sanitizers: HOSTILE=1 test/run --build $PWD/build-asan cli/hostile_images

wl: needs root
wl: timeout 7200
wl: areas images cli-rpc"""

import os
import resource
import subprocess

import dumped
from lib import system

CODE = """
import mmap, os, signal, threading, time
kept = [os.pipe(), os.eventfd(7), open("plain", "w+"), open("removed", "w+")]
os.write(kept[0][1], b"contents")
os.unlink("removed")
shared = mmap.mmap(-1, 8192)
shared[0] = 1
signal.signal(signal.SIGUSR1, lambda *a: 0)
signal.setitimer(signal.ITIMER_REAL, 5000)
if os.fork() == 0:
    time.sleep(1000)
threading.Thread(target=time.sleep, args=(1000,)).start()
open("ready", "w").close()
time.sleep(1000)
"""

EDGES = (0, 1, 0x7fffffff, 0xffffffff, 1 << 47, (1 << 63) - 1, (1 << 64) - 4096, (1 << 64) - 1)
FEW = 400  # mutations of a bounded run
MEMORY_KIB = 1 << 20  # of which a sanitizer takes most; the set has a few megabytes


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise IndexError


def fields(data):
    """(key, value) of a message's wire form, or None where these bytes are none."""
    found, at = [], 0
    try:
        while at < len(data):
            key, at = read_varint(data, at)
            wire = key & 7
            if key >> 3 == 0 or wire not in (0, 1, 2, 5):
                return None
            if wire == 0:
                value, at = read_varint(data, at)
            else:
                size = {1: 8, 5: 4}.get(wire)
                if size is None:
                    size, at = read_varint(data, at)
                value = bytes(data[at:at + size])
                at += size
                if len(value) != size:
                    return None
            found.append((key, value))
    except IndexError:
        return None
    return found


def pack(found):
    out = b""
    for key, value in found:
        out += varint(key)
        if key & 7 == 0:
            value = varint(value)
        elif key & 7 == 2:
            out += varint(len(value))
        out += value
    return out


def edits(data):
    """All messages that differ from this one in one number, or lack or repeat one field."""
    found = fields(data) or []
    for i, (key, value) in enumerate(found):
        yield pack(found[:i] + found[i + 1:])
        yield pack(found[:i + 1] + found[i:])
        if key & 7 == 0:
            others = [edge for edge in EDGES if edge != value]
        elif key & 7 == 2:
            others = [b"", value + value, b"../" * 8 + value, *edits(value)]
        else:
            others = [b"\0" * len(value), b"\xff" * len(value)]
        for other in others:
            yield pack(found[:i] + [(key, other)] + found[i + 1:])


def frames(data, head):
    """(start, end) of each message's bytes; what stands between (contents) is left alone."""
    at = head
    while at + 4 <= len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        if at + 4 + size > len(data):
            return
        yield at + 4, at + 4 + size
        at += 4 + size


def mutations(name, data):
    for at in range(len(data)):
        for other in (data[at] ^ 1 << at % 8, data[at] ^ 0x80, data[at] ^ 0xff):
            yield f"{name}: byte {at} is {other:#x}", data[:at] + bytes([other]) + data[at + 1:]
        yield f"{name}: ends at {at}", data[:at]
    yield f"{name}: longer", data + b"\x01"
    for start, end in frames(data, 4 if name == "inventory.img" else 8):
        for i, other in enumerate(edits(data[start:end])):
            yield (f"{name}: edit {i} of the message at {start}",
                   data[:start - 4] + len(other).to_bytes(4, "little") + other + data[end:])


def attempt(what):
    """The text of the refusal; empty if the damaged set is accepted."""
    with open("out", "w+", encoding="utf-8", errors="replace") as out:
        proc = subprocess.Popen([dumped.TOOL, "restore", "--plan", "-D", "images"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=out)
        try:
            proc.wait(60)
        except subprocess.TimeoutExpired:
            proc.kill()
            proc.wait()
            dumped.fail(f"{what}: hangs")
        out.seek(0)
        text = out.read()
    dumped.check(proc.returncode in (0, 1) and "runtime error" not in text and
                 "Sanitizer" not in text, f"{what}: status {proc.returncode}: {text[-3000:]}")
    dumped.check(proc.returncode == 0 or "Error: " in text, f"{what}: no error: {text}")
    return text if proc.returncode else ""


def main():
    dumped.begin()
    tree = dumped.python(CODE)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    os.mkdir("images")
    done = subprocess.run([dumped.TOOL, "dump", "-t", str(tree.pid), "-D", "images"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    dumped.check(done.returncode == 0, done.stderr)
    dumped.await_true("the end of the tree", lambda: system.reap() or not tree.alive())
    os.unlink("images/crtools-manifest.img")
    unharmed = attempt("unharmed")
    dumped.check(unharmed == "", unharmed)

    names = sorted(n for n in os.listdir("images")
                   if n.endswith(".img") and not n.startswith("pages-"))
    originals = {}
    for name in names:
        with open(f"images/{name}", "rb") as f:
            originals[name] = f.read()
    total = sum(1 for name in names for _ in mutations(name, originals[name]))
    # A stride that is prime meets all kinds of mutations.
    stride = int(os.environ.get("HOSTILE", 0)) or prime_from(total // FEW)
    number = refused = accepted = 0
    for name in names:
        for what, data in mutations(name, originals[name]):
            number += 1
            if number % stride:
                continue
            with open(f"images/{name}", "wb") as f:
                f.write(data)
            if attempt(what):
                refused += 1
            else:
                accepted += 1
        with open(f"images/{name}", "wb") as f:
            f.write(originals[name])
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    dumped.check(peak < MEMORY_KIB, f"a restore took {peak} KiB")
    dumped.check(attempt("all put back") == "", "the set was not put back")
    dumped.check(refused > FEW // 4, f"only {refused} of {number} are refused")
    print(f"{refused} refused, {accepted} accepted, of {total} mutations; peak {peak} KiB")


def prime_from(number):
    while any(number % i == 0 for i in range(2, int(number ** 0.5) + 1)):
        number += 1
    return number


if __name__ == "__main__":
    main()
