#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tiles of AMX where they can't be restored: a processor that lacks them (the images are edited to
speak of a register set that none has) and images of CRIU, which tell of tiles and do not hold them.
Each is refused by name before anything is forked.

wl: needs root amx
wl: areas arch"""

import os
import subprocess

import dumped

PROGRAM = """
import ctypes, mmap, time
libc = ctypes.CDLL(None)
assert libc.syscall(158, 0x1023, 18) == 0
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
configure, load = b"\\xc4\\xe2\\x78\\x49\\x07\\xc3", b"\\xc4\\xe2\\x7b\\x4b\\x04\\x37\\xc3"
code.write(configure.ljust(16) + load)
at = ctypes.addressof(ctypes.c_char.from_buffer(code))
run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_long)
config = bytearray(64)
config[0], config[16], config[48] = 1, 64, 16
config, data = (ctypes.create_string_buffer(bytes(b), len(b)) for b in (config, bytes([7]) * 1024))
run(at)(ctypes.addressof(config), 0)
run(at + 16)(ctypes.addressof(data), 64)
open("ready", "w").close()
time.sleep(1000)
"""
TILES, NOBODYS = b"\x08\x12\x12\x80\x40", b"\x08\x28\x12\x80\x40"  # part 18 or 40, 8 KiB of data
RIGHT, NO_RIGHT = b"\x98\x01\x80\x80\x10", b"\x98\x01\x80\x80\x20"  # bit 18 or 19


def start():
    if os.path.exists("ready"):
        os.unlink("ready")
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    return tree


def refused(tree, *texts):
    done = tree.restore()
    dumped.check(not done, "what can't be was restored")
    for text in texts:
        dumped.check(text in done.text, f"not said: {text}\n{done.text[-2000:]}")
    tree.check_gone()


def edited():
    tree = start()
    tree.must_dump()
    image = f"{tree.images}/crtools-task-{tree.pid}.img"
    with open(image, "rb") as f:
        data = f.read()
    dumped.check(data.count(TILES) == 1 and data.count(RIGHT) == 1, "the image has no tiles")
    for now in (data.replace(TILES, NOBODYS), data.replace(RIGHT, NO_RIGHT)):
        with open(image, "wb") as f:
            f.write(now)
        if now.count(NOBODYS):
            refused(tree, f"register set 40 (unknown register set): is in use by thread {tree.pid}")
        else:
            refused(tree, "register set 19 (APX registers): is in use by the process")
    with open(image, "wb") as f:
        f.write(data)
    tree.must_restore()
    tree.end()


def of_criu():
    tree = start()
    tree.images = os.path.abspath("criu")
    os.mkdir("criu")
    subprocess.run([os.environ["PEER"], "dump", "-t", str(tree.pid), "-D", "criu"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    dumped.await_true("the end of the dumped tree", lambda: dumped.system.reap() or
                      not tree.alive())
    refused(tree, f"register set 18 (AMX tiles): was in use by thread {tree.pid}",
            "dump the tree with crtools")


dumped.begin()
edited()
if os.environ.get("PEER"):
    of_criu()
