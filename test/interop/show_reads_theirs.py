#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# wl: needs root
# wl: timeout 300
"""`crtools show -f IMAGE --json` gives what CRIU's crit decodes of images that CRIU itself has just
written: of a tree in namespaces of its own with sockets of all families, event descriptors, SysV
objects, timers, locks, a terminal, network
devices and a control group. What crit can't decode is refused by show, too."""

import json
import os
import signal
import subprocess
import sys
import time

CRTOOLS, PEER = os.environ["CRTOOLS"], os.environ["PEER"]

# Run in new namespaces; its shell's descriptors belong to mounts that are not there any more.
PROGRAM = r"""
import os
os.closerange(3, 200)
import ctypes, fcntl, select, socket, struct, subprocess, time
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
SYS_FANOTIFY_INIT, SYS_TIMERFD_CREATE, SYS_TIMER_CREATE, SYS_TIMER_SETTIME = 300, 283, 222, 223

def must(value):
    if value < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value

for words in ("link set lo up", "link add v0 type veth peer name v1", "link add br0 type bridge",
              "link set v0 master br0", "link set v1 up", "addr add 10.1.0.1/24 dev v1"):
    subprocess.run(["ip", *words.split()], check=True)
listener = socket.create_server(("127.0.0.1", 7000))
client = socket.create_connection(("127.0.0.1", 7000))
accepted = listener.accept()[0]
client.send(b"not read yet")
udp6 = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
udp6.bind(("::1", 7001))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.connect(("127.0.0.1", 9))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
packet.bind(("v1", 3))
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
netlink.bind((0, 0))
pair = socket.socketpair()
pair[0].send(b"queued")
named = socket.socket(socket.AF_UNIX)
named.bind("\0abstract")
named.listen()
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun7", 1))  # TUNSETIFF
event = os.eventfd(5)
memfd = os.memfd_create("m")
os.write(memfd, b"abc")
poll = select.epoll()
poll.register(event, select.EPOLLIN)
pidfd = os.pidfd_open(os.getpid())
must(libc.inotify_add_watch(must(libc.inotify_init1(0)), b"/etc", 0x100))
must(libc.fanotify_mark(must(libc.syscall(SYS_FANOTIFY_INIT, 0, 0)), 1, ctypes.c_uint64(2), -100,
                        b"/etc/passwd"))
timerfd = must(libc.syscall(SYS_TIMERFD_CREATE, 1, 0))
must(libc.timerfd_settime(timerfd, 0, struct.pack("4q", 9, 0, 5000, 0), None))
must(libc.signalfd(-1, struct.pack("Q120x", 1 << 9), 0))
timer = ctypes.c_int()
must(libc.syscall(SYS_TIMER_CREATE, 1, None, ctypes.byref(timer)))
must(libc.syscall(SYS_TIMER_SETTIME, timer, 0, struct.pack("4q", 7, 0, 4000, 0), None))
libc.shmat(must(libc.shmget(77, 8192, 0o1666)), None, 0)
must(libc.semctl(must(libc.semget(78, 3, 0o1666)), 1, 16, 9))  # SETVAL
must(libc.msgsnd(must(libc.msgget(79, 0o1666)), struct.pack("q5s", 3, b"hello"), 5, 0))
posix = open("posix", "w")
fcntl.lockf(posix, fcntl.LOCK_EX, 5, 3)
flock = open("flock", "w")
fcntl.flock(flock, fcntl.LOCK_SH)
master, slave = os.openpty()
os.write(master, b"typed\n")
os.write(slave, b"printed\n")
socket.sethostname("theirs")
open("ready", "w").close()
time.sleep(10000)
"""

# CRIU saves what is in the mounts of tmpfs, too.
RUN = 'umount -l /dev/shm /run; exec setsid "$0" -c "$1" </dev/null >>log 2>&1'

# What has to be in the set, so that a program that does less is noticed.
KINDS = {
    "core-1", "fdinfo-2", "filelocks", "files", "inventory", "ipcns-msg-11", "ipcns-sem-11",
    "ipcns-shm-11", "ipcns-var-11", "memfd", "mm-1", "mountpoints-13", "netdev-10", "netns-10",
    "pagemap-1", "pagemap-shmem-0", "pstree", "seccomp", "sk-queues", "timens-0", "tty-data",
    "tty-info", "utsns-12",
}
TYPES = {
    "EVENTFD", "EVENTPOLL", "FANOTIFY", "INETSK", "INOTIFY", "MEMFD", "NETLINKSK", "PACKETSK",
    "PIDFD", "REG", "SIGNALFD", "TIMERFD", "TTY", "TUNF", "UNIXSK",
}
RAW = ("ifaddr-", "nftables-", "pages-", "route-", "route6-", "rule-", "tmpfs-")


def start():
    with open("log", "ab") as log:
        outer = subprocess.Popen(
            ["unshare", "--pid", "--mount", "--net", "--ipc", "--uts", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", RUN, sys.executable, PROGRAM],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    while not os.path.exists("ready"):
        if outer.poll() is not None or time.monotonic() > deadline:
            outer.kill()
            with open("log", encoding="utf-8") as log:
                sys.exit(f"the program got not ready: {log.read()}")
        time.sleep(0.01)
    with open(f"/proc/{outer.pid}/task/{outer.pid}/children", encoding="ascii") as f:
        return outer, int(f.read().split()[0])


def own_group(pid):
    """Moves the process to a group of its own; None: there is no place for one. CRIU writes an
    image of groups only if the tree is not in CRIU's own."""
    for place in "freezer", "unified", ".":
        folder = f"/sys/fs/cgroup/{place}/crtools-show-{pid}"
        try:
            os.mkdir(folder)
        except OSError:
            continue
        with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as f:
            f.write(str(pid))
        return folder
    return None


def remove_group(folder):
    """It is busy until its last process has gone."""
    deadline = time.monotonic() + 20
    while True:
        try:
            os.rmdir(folder)
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def dump():
    os.mkdir("images")
    outer, root = start()
    group = own_group(root)
    done = subprocess.run([PEER, "dump", "-t", str(root), "-D", "images", "-o", "dump.log", "-v4",
                           "--network-lock", "nftables", "--file-locks", "--tcp-established",
                           "--manage-cgroups=soft"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    outer.send_signal(signal.SIGKILL)
    outer.wait()
    if group:
        remove_group(group)
        KINDS.add("cgroup")
    if done.returncode:
        with open("images/dump.log", encoding="utf-8", errors="replace") as f:
            sys.exit(f"CRIU's dump failed: {f.read()[-3000:]}")


# Run by the peer's python, which takes longer to start than crit to decode: a line of JSON for each
# image, null if crit can't.
DECODE = """
import contextlib, io, json, sys
from crit.__main__ import main
for path in sys.argv[1:]:
    sys.argv = ["crit", "decode", "--pretty", "-i", path]
    out = io.StringIO()
    status = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        except Exception:
            status = 1
    print(json.dumps(json.loads(out.getvalue()) if status == 0 else None))
"""


def theirs(paths):
    """What crit decodes of each; None if it can't."""
    done = subprocess.run([os.path.join(os.path.dirname(PEER), "python"), "-c", DECODE, *paths],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"crit: {done.stderr}"
    decoded = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(decoded) == len(paths), f"crit decodes {len(decoded)} of {len(paths)} images"
    return decoded


def main():
    if not PEER:
        print("no CRIU to compare with")
        sys.exit(77)
    dump()
    names = [n for n in sorted(os.listdir("images")) if n.endswith(".img") or n == "stats-dump"]
    missing = {f"{kind}.img" for kind in KINDS} - set(names)
    assert not missing, f"CRIU has not written {missing}"
    for name, wanted in zip(names, theirs([f"images/{name}" for name in names])):
        done = subprocess.run([CRTOOLS, "show", "-f", f"images/{name}", "--json"],
                              capture_output=True, text=True, check=False)
        if name.startswith(RAW):
            assert wanted is None and done.returncode == 1, f"{name} was decoded: {done.stdout}"
            continue
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
        got = json.loads(done.stdout)
        assert got == wanted, f"{name}:\nours   {got}\ntheirs {wanted}"
        if name == "files.img":
            types = {entry["type"] for entry in got["entries"]}
            assert TYPES <= types, f"there is no {TYPES - types}"
    print(f"{len(names)} images")


if __name__ == "__main__":
    main()
