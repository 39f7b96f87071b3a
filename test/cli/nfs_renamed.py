#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""On NFS a file that is open is not removed but renamed by the client, to ".nfs" and a number, till
its last descriptor is closed: by the end of the dumped process. Its contents go to the images, and
after the restore it is there once more, and goes away with its last descriptor; files that have
their names are kept as elsewhere. Server and client are the kernel's, on one machine, which has to
be one of its own: test/guest/run KERNEL -- cli/nfs_renamed.

wl: needs root guest
wl: areas files"""

import ctypes
import os
import signal
import subprocess

import dumped
from dumped import check
from lib import system

PROGRAM = """
import os, signal, sys
signals = [signal.SIGUSR1]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
os.chdir(sys.argv[1])
kept, gone = open("kept", "r+"), open("gone", "w+")
kept.seek(3)
gone.write("renamed")
gone.flush()
os.unlink("gone")
print("ready", flush=True)
signal.sigwait(signals)
assert kept.tell() == 3 and kept.read() == "t here", "kept"
assert gone.tell() == 7 and not gone.seek(0) and gone.read() == "renamed", "gone"
gone.write(" again")
gone.close()
print("closed", flush=True)
signal.sigwait(signals)
"""
DOMAIN, FOREVER = "all", 2147483647
# Of the kernel's uapi/linux/nfsd/export.h.
INSECURE_PORT, NOSUBTREECHECK, FSID = 0x2, 0x400, 0x2000
libc = ctypes.CDLL(None, use_errno=True)


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def serve(folder):
    """Version 4, which needs no other servers. The kernel asks nobody: it gets the answers before,
    of who may (all), what is exported (the folder), and to what a handle belongs."""
    subprocess.run(["modprobe", "nfsd"], check=True)
    subprocess.run(["mount", "-t", "nfsd", "nfsd", "/proc/fs/nfsd"], check=True)
    rpc = "/proc/net/rpc"
    write(f"{rpc}/auth.unix.ip/channel", f"nfsd 127.0.0.1 {FOREVER} {DOMAIN}\n")
    write(f"{rpc}/nfsd.export/channel",
          f"{DOMAIN} {folder} {FOREVER} {INSECURE_PORT | NOSUBTREECHECK | FSID} -2 -2 0\n")
    write(f"{rpc}/nfsd.fh/channel", f"{DOMAIN} 1 \\x00000000 {FOREVER} {folder}\n")
    # For so long nothing can be opened, as clients of an earlier server might come.
    for name in ("leasetime", "gracetime"):
        write(f"/proc/fs/nfsd/nfsv4{name}", "10\n")
    write("/proc/fs/nfsd/versions", "-2 -3 +4 +4.1\n")
    write("/proc/fs/nfsd/threads", "2\n")


def mount(folder):
    words = b"vers=4.1,addr=127.0.0.1,clientaddr=127.0.0.1,proto=tcp,sec=sys,noac"
    if libc.mount(b"127.0.0.1:/", folder.encode(), b"nfs4", ctypes.c_ulong(0), words):
        dumped.fail(f"mount: {os.strerror(ctypes.get_errno())}")


def silly(folder):
    return [name for name in os.listdir(folder) if name.startswith(".nfs")]


dumped.begin()
served, seen = os.path.abspath("served"), os.path.abspath("seen")
os.mkdir(served)
os.mkdir(seen)
os.chmod(served, 0o777)
serve(served)
mount(seen)
write(f"{seen}/kept", "isnt here")
tree = dumped.python(PROGRAM, seen)
dumped.await_true("the program", lambda: "ready" in system.read_text(tree.log), 60)
check(len(silly(served)) == 1 and not os.path.exists(f"{served}/gone"), "the file was not renamed")
tree.must_dump()
dumped.await_true("the end of the file", lambda: not silly(served))
tree.must_restore()
check(len(silly(served)) == 1, "the file is not there as it was")
os.kill(tree.pid, signal.SIGUSR1)
dumped.await_true("the program's look at its files", lambda: "closed" in system.read_text(tree.log))
dumped.await_true("the end of the file with its last descriptor", lambda: not silly(served))
check(tree.finish(signal.SIGUSR1) == 0, system.read_text(tree.log))
