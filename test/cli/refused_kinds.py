#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Descriptors of kinds that nothing can keep: each is refused by its own name, with a cure of its
own, all of them at once, and the program goes on.

wl: needs root
wl: areas pidfd-memfd-misc-fds aio-uring-bpf"""

import os

import dumped

# What the machine has not is not opened; its line says so to the test.
PROGRAM = r"""
import ctypes, os, socket, struct, threading, time
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
opened = []

def call(name, *args):
    values = [a if isinstance(a, (bytes, ctypes.Array)) else ctypes.c_long(a) for a in args]
    fd = libc.syscall(*values)
    opened.extend([name] if fd >= 0 else [])
    return fd

def device(path):
    if os.path.exists(path):
        os.open(path, os.O_RDWR)
        opened.append(path)

def family(name):
    try:
        keep.append(socket.socket(getattr(socket, name, 44), socket.SOCK_RAW))
        opened.append(name)
    except OSError:
        pass

keep = []
context = call("fsopen", 430, b"tmpfs", 0)
call("fsconfig", 431, context, 6, 0, 0, 0)
call("fsmount", 432, context, 0, 0)
call("open_tree", 428, -100, b"/", 1)
perf = ctypes.create_string_buffer(struct.pack("<IIQ", 1, 112, 1) + bytes(96))
call("perf_event", 298, perf, 0, -1, -1, 0)
call("landlock", 444, ctypes.create_string_buffer(struct.pack("<Q", 1)), 8, 0)
call("userfaultfd", 323, 0)
code = ctypes.create_string_buffer(bytes.fromhex("b700000001000000" "9500000000000000"))
licence = ctypes.create_string_buffer(b"GPL")
prog = struct.pack("<IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(licence)) + bytes(120)
call("bpf-prog", 321, 5, ctypes.create_string_buffer(prog), len(prog))
def large_secret():
    # That only its mapping leads to.
    fd = call("large secret", 447, 0)
    if fd >= 0:
        os.ftruncate(fd, 17 << 20)
        libc.mmap(None, ctypes.c_size_t(17 << 20), 3, 1, fd, ctypes.c_long(0))
        os.close(fd)


def listener():
    # Of a filter of one thread, which allows all.
    allow = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0x7fff0000))
    filters = ctypes.create_string_buffer(struct.pack("<H6xQ", 1, ctypes.addressof(allow)))
    call("seccomp listener", 317, 1, 8, filters)
    made.set()
    time.sleep(1000)

made = threading.Event()
threading.Thread(target=listener, daemon=True).start()
made.wait()
large_secret()

def bpf_map(name, kind, key, value, entries):
    attr = ctypes.create_string_buffer(struct.pack("<IIIII", kind, key, value, entries, 0)
                                       + bytes(108))
    return call(name, 321, 0, attr, len(attr))

bpf_map("bpf-programs", 3, 4, 4, 2)
bpf_map("bpf-ring", 27, 0, 0, 4096)
for path in ("/dev/kvm", "/dev/fuse"):
    device(path)
family("AF_XDP")
family("AF_KEY")
with open("opened", "w") as f:
    f.write("\n".join(opened))
os.rename("opened", "ready")
while True:
    time.sleep(1)
"""

SAID = {
    "fsopen": "is a file system that is being set up or changed (fsopen, fspick)",
    "fsmount": "is of a mount that has no place in the tree of mounts",
    "open_tree": "is of a mount that has no place in the tree of mounts",
    "perf_event": "is a performance counter",
    "landlock": "is a landlock rule set",
    "userfaultfd": "watches memory by userfaultfd",
    "bpf-prog": "is a BPF program",
    "bpf-programs": "is a BPF map of programs (PROG_ARRAY), whose contents can't be read",
    "bpf-ring": "is a BPF map that is a ring (RINGBUF), whose contents can't be read",
    "seccomp listener": "listens to a seccomp filter",
    "large secret": "is secret memory of over 16 MiB that no descriptor leads to",
    "/dev/kvm": "is a part of a virtual machine of KVM",
    "/dev/fuse": "is the connection of a FUSE server",
    "AF_XDP": "is an express data path socket (AF_XDP, raw, protocol 0)",
    "AF_KEY": "is an IPsec key management socket (AF_KEY, raw",
}


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program", lambda: os.path.exists("ready"))
    with open("ready", encoding="ascii") as f:
        opened = [line for line in f.read().split("\n") if line in SAID]
    dumped.check({"fsmount", "open_tree", "userfaultfd", "seccomp listener"} <= set(opened),
                 f"only {opened} is here")
    said = tree.dump()
    dumped.check(not said, "the dump went through")
    for kind in opened:
        dumped.check(SAID[kind] in said.text, f"{kind} is not refused by name:\n{said.text}")
    dumped.check(said.text.count("no place in the tree of mounts") >= 2, "a mount is kept")
    dumped.check(tree.alive(), "the program is gone")


if __name__ == "__main__":
    main()
