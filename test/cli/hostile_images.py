#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hostile images: a set without its manifest, as one of CRIU's or one that was edited, is damaged
in one place at a time: a bit, a byte, the end; and, since most flips only break the framing, each
number of each message is replaced by those at the edges of its type, with all lengths made to fit.
restore --plan reads, verifies, judges and plans each: it has to end by itself with 0, or with 1 and
an error that names the image, never by a signal or with a sanitizer's report, nor with a lot of
memory. A hundred of those that pass are really restored, in namespaces of their own on a read-only
file system: that makes the tree, or an error, after which nothing may be left.
Images of our own count only with a manifest that they fit: one is made for each of theirs.

HOSTILE=N takes every Nth mutation (1: all of them) instead of a few hundred; run it on a build with
sanitizers: HOSTILE=1 test/run --build $PWD/build-asan cli/hostile_images

wl: needs root
wl: timeout 7200
wl: areas images cli-rpc"""

import contextlib
import os
import re
import resource
import subprocess
import sys

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
MANIFEST = "crtools-manifest.img"
FEW = 400  # mutations of a bounded run
RESTORED = 100
WORDS = []  # more words for a restore
UNSHARE = []  # and for its namespaces
WRONG_MAX = 20  # of what is found, to be told together
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


def of_our_own(name):
    return name.startswith("crtools-") and name != MANIFEST


def fitted(manifest, name, size):
    """The manifest of a set in which that file has another size."""
    (start, end), = frames(manifest, 8)
    out = []
    for key, value in fields(manifest[start:end]):
        if key == 6 << 3 | 2 and dict(fields(value))[1 << 3 | 2] == name.encode():
            value = pack([(k, size if k == 2 << 3 else v) for k, v in fields(value)])
        out.append((key, value))
    out = pack(out)
    return manifest[:start - 4] + len(out).to_bytes(4, "little") + out


def write(name, data):
    with open(f"images/{name}", "wb") as f:
        f.write(data)


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


# Run as init of a pid namespace, in a mount namespace: what it prints is wrong.
SANDBOX = """
import os, subprocess, sys, time
def sh(*words):
    subprocess.run(words, check=True)
def lines(path):
    with open(path) as f:
        return f.read().splitlines()
def others():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return [n for n in os.listdir("/proc") if n.isdigit() and n != "1"]
here = os.getcwd()
if "--tcp-established" in sys.argv:
    sh("ip", "link", "set", "lo", "up")
sh("mount", "--make-rprivate", "/")
sh("mount", "--bind", here, here)
sh("mount", "-o", "remount,bind,ro", "/")
sh("mount", "-t", "tmpfs", "none", "/run")
os.chdir(here)
before = lines("/proc/self/mountinfo"), sorted(os.listdir("."))
done = subprocess.run([sys.argv[1], "restore", "-d", "-D", "images", *sys.argv[2:]],
                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=2, timeout=60)
if done.returncode == 0:
    if not [n for n in os.listdir("/proc") if n.isdigit() and n != "1"]:
        print("no tree is there")
else:
    end = time.monotonic() + 5
    while others() and time.monotonic() < end:
        time.sleep(0.01)
    if others():
        print("tasks are left:", others())
    after = lines("/proc/self/mountinfo"), sorted(os.listdir("."))
    if after != before:
        print("left behind:", set(after[0]) ^ set(before[0]), set(after[1]) ^ set(before[1]))
    for folder, _, files in os.walk("/run"):
        if files:
            print("a journal is left:", folder, files)
sys.exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)
"""


def really(what):
    """Restores the damaged set; returns whether the tool made a tree of it."""
    done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child",
                           "--mount-proc", *UNSHARE, sys.executable, "-c", SANDBOX,
                           dumped.TOOL, *WORDS],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          errors="replace", timeout=100)
    said = done.stderr[-3000:]
    dumped.check(done.returncode in (0, 1) and not done.stdout and "runtime error" not in said and
                 "Sanitizer" not in said and "Traceback" not in said,
                 f"{what}: restored: status {done.returncode}: {done.stdout}{said}")
    dumped.check(done.returncode == 0 or "Error: " in said, f"{what}: restored: no error: {said}")
    return done.returncode == 0


def check_named(what, text):
    """An error says in which file, and of a file that was cut off also where. A refusal (of a file
    that is missing here, say) names the object instead, and other ids in the tree lead to images
    that are not there, or to a tree that would need another option."""
    name = what.partition(":")[0]
    told = r"(?s)Refused: .+: |the image \S+ is missing|with --shell-job"
    if not re.search(told, text):
        dumped.check(name in text, f"{what}: the image is not named: {text}")
        dumped.check(": ends at " not in what or
                     re.search(rf"byte|field|which is not in {name}", text),
                     f"{what}: no place is named: {text}")


def attempt(what):
    """The text of the refusal; empty if the damaged set is accepted."""
    with open("out", "w+", encoding="utf-8", errors="replace", newline="") as out:
        proc = subprocess.Popen([dumped.TOOL, "restore", "--plan", "-D", "images", *WORDS],
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
    dumped.check(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), f"{what}: prints {text!r}")
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
    with open(f"images/{MANIFEST}", "rb") as f:
        manifest = f.read()
    os.unlink(f"images/{MANIFEST}")
    unharmed = attempt("unharmed")
    dumped.check(unharmed == "", unharmed)
    dumped.check(really("unharmed"), "the unharmed set makes no tree")

    names = sorted(n for n in os.listdir("images")
                   if n.endswith(".img") and not n.startswith("pages-"))
    originals = {}
    for name in names:
        with open(f"images/{name}", "rb") as f:
            originals[name] = f.read()
    total = sum(1 for name in names for _ in mutations(name, originals[name]))
    # A stride that is prime meets all kinds of mutations.
    stride = int(os.environ.get("HOSTILE", 0)) or prime_from(total // FEW)
    number = refused = accepted = restored = trees = 0
    wrong = []
    for name in names:
        for what, data in mutations(name, originals[name]):
            number += 1
            if number % stride:
                continue
            write(name, data)
            if of_our_own(name):
                write(MANIFEST, fitted(manifest, name, len(data)))
            try:
                text = attempt(what)
                if text:
                    refused += 1
                    check_named(what, text)
                    continue
                accepted += 1
                if restored < RESTORED * number / total:
                    restored += 1
                    trees += really(what)
            except SystemExit as reason:
                wrong.append(str(reason))
            if len(wrong) == WRONG_MAX:
                dumped.fail("\n".join(wrong))
        write(name, originals[name])
        # It is there only if the stride met this file.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"images/{MANIFEST}")
    dumped.check(not wrong, "\n".join(wrong))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    dumped.check(peak < MEMORY_KIB, f"a restore took {peak} KiB")
    dumped.check(attempt("all put back") == "", "the set was not put back")
    dumped.check(refused > FEW // 4, f"only {refused} of {number} are refused")
    dumped.check(trees > restored // 4, f"only {trees} of {restored} came back")
    print(f"{refused} refused, {accepted} accepted, of {total} mutations; {restored} restored, "
          f"{trees} of them to trees; peak {peak} KiB")


def prime_from(number):
    while any(number % i == 0 for i in range(2, int(number ** 0.5) + 1)):
        number += 1
    return number


if __name__ == "__main__":
    main()
