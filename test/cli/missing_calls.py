#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool with system calls that an old kernel or the filter of a container does not have: they
are answered with ENOSYS, and with EPERM, by seccomp. What there is another way for works, with all
of these missing at once; what there is none for is refused, before anything has changed, with the
call by name and what brings it, and check -t or check has foretold it.

wl: needs root seccomp x86_64
wl: areas cli-rpc arch"""

import ctypes
import errno
import os
import struct
import subprocess
import sys

import dumped
from dumped import TOOL, check
from lib import system

PTRACE, IOCTL = 101, 16
GET_RSEQ_CONFIGURATION, PAGEMAP_SCAN = 0x420F, 0xC0606610
ANOTHER_WAY = {
    "mincore": 27, "get_mempolicy": 239, "unshare": 272, "sync_file_range": 277,
    "fallocate": 285, "preadv2": 327, "pwritev2": 328, "perf_event_open": 298,
    "fanotify_init": 300, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "renameat2": 316, "bpf": 321,
    "userfaultfd": 323, "membarrier": 324, "copy_file_range": 326, "statx": 332,
    "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429,
    "fsopen": 430, "fsmount": 432, "faccessat2": 439, "process_madvise": 440,
    "mount_setattr": 442, "landlock_create_ruleset": 444, "memfd_secret": 447,
    "process_mrelease": 448, "statmount": 457, "listmount": 458, "mseal": 462,
}
# With what brings them.
NEEDED_BY_DUMP = {"pidfd_open": (434, "Linux 5.3"), "pidfd_getfd": (438, "Linux 5.6"),
                  "kcmp": (312, "CONFIG_KCMP")}
NEEDED_BY_RESTORE = {"clone3": (435, "Linux 5.5"), "openat2": (437, "Linux 5.6"),
                     "close_range": (436, "Linux 5.9"), "rseq": (334, "CONFIG_RSEQ")}
FOUND_BY_CHECK = ("pidfd_open", "pidfd_getfd", "kcmp", "clone3", "openat2", "close_range")

PROGRAM = """
import mmap, os, select, signal, socket, sys, threading
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
area = mmap.mmap(-1, 65536, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
area[:4] = b"shar"
r, w = os.pipe()
os.write(w, b"piped")
kept = open("kept", "w+b")
kept.write(b"data")
kept.flush()
same = os.dup(kept.fileno())
a, b = socket.socketpair()
a.send(b"sock")
memory = os.memfd_create("memory")
os.write(memory, b"memo")
gone = open("gone", "w+b")
gone.write(b"g" * 5000)
gone.flush()
os.unlink("gone")
poll = select.epoll()
poll.register(r, select.EPOLLIN)
signal.setitimer(signal.ITIMER_REAL, 10000, 0)
threading.Thread(target=lambda: signal.sigwait([signal.SIGUSR1]), daemon=True).start()
child = os.fork()
if not child:
    signal.sigwait([signal.SIGTERM])
    area[4] = 65
    os._exit(0)
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
os.kill(child, signal.SIGTERM)
os.waitpid(child, 0)
os.lseek(same, 2, 0)
assert area[:5] == b"sharA" and os.read(r, 9) == b"piped" and b.recv(9) == b"sock"
assert os.pread(memory, 9, 0) == b"memo" and os.pread(gone.fileno(), 9999, 0) == b"g" * 5000
assert os.lseek(kept.fileno(), 0, 1) == 2 and poll.poll(0) == []
assert signal.getitimer(signal.ITIMER_REAL)[0] > 9000
sys.exit(42)
"""
libc = ctypes.CDLL(None, use_errno=True)


def statement(code, true, false, value):
    return struct.pack("HBBI", code, true, false, value)


def load(offset):
    return statement(0x20, 0, 0, offset)  # BPF_LD | BPF_W | BPF_ABS, of struct seccomp_data


def filtered(rules):
    """What is to be called between fork and exec. rules: [(number, argument, value, errno)]; of an
    argument that is None the value does not matter."""
    program = [load(4), statement(0x15, 1, 0, 0xC000003E),  # x86_64 alone
               statement(0x06, 0, 0, 0x7FFF0000), load(0)]
    for number, argument, value, error in rules:
        answer = statement(0x06, 0, 0, 0x50000 | error)  # SECCOMP_RET_ERRNO
        if argument is None:
            program += [statement(0x15, 0, 1, number), answer]
        else:
            program += [statement(0x15, 0, 4, number), load(16 + 8 * argument),
                        statement(0x15, 0, 1, value), answer, load(0)]
    program.append(statement(0x06, 0, 0, 0x7FFF0000))  # SECCOMP_RET_ALLOW
    code = ctypes.create_string_buffer(b"".join(program))
    head = ctypes.create_string_buffer(
        struct.pack("HxxxxxxQ", len(program), ctypes.addressof(code)))

    def prepare():
        if libc.prctl(22, 2, head, 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
            os._exit(99)
    prepare.code = code  # lives as long
    return prepare


def tool(prepare, *words):
    done = subprocess.run([TOOL, "--no-default-config", *words], preexec_fn=prepare,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.returncode == 0, done.stdout


def fresh(name):
    os.mkdir(name)
    return os.path.abspath(name)


def program():
    tree = dumped.Tree([sys.executable, "-I", "-S", "-c", PROGRAM])
    dumped.await_true("the program", lambda: "ready" in (system.read_text("log") or ""))
    os.truncate("log", 0)
    return tree


def must(what, good_and_said):
    check(good_and_said[0], f"{what}: {good_and_said[1]}")


def gone(tree):
    dumped.await_true("the end of the dumped tree",
                      lambda: system.reap() or not os.path.exists(f"/proc/{tree.pid}"))


def check_named(what, name, brings, good, said):
    check(not good, f"{what} without {name} is said to have worked: {said}")
    check(name in said and brings in said, f"{what}: {name} and {brings} are not named: {said}")


def refused_by_dump(tree, error):
    for name, (number, brings) in NEEDED_BY_DUMP.items():
        prepare = filtered([(number, None, 0, error)])
        check_named("check -t", name, brings, *tool(prepare, "check", "-t", str(tree.pid)))
        images = fresh(f"refused-{name}-{error}")
        check_named("dump", name, brings,
                    *tool(prepare, "dump", "-t", str(tree.pid), "-D", images))
        state = system.read_text(f"/proc/{tree.pid}/stat").split()[2]
        check(state == "S", f"the refused dump without {name} leaves it in state {state}")


def refused_by_restore(tree, images, error):
    for name, (number, brings) in NEEDED_BY_RESTORE.items():
        prepare = filtered([(number, None, 0, error)])
        good, said = tool(prepare, "restore", "-d", "-v4", "-D", images)
        check_named("restore", name, brings, good, said)
        check("restore-fork" not in said, f"without {name} something was forked:\n{said}")
        check(not tree.alive(), f"without {name} something is left")


def foretold(error):
    for name in FOUND_BY_CHECK:
        number, brings = {**NEEDED_BY_DUMP, **NEEDED_BY_RESTORE}[name]
        good, said = tool(filtered([(number, None, 0, error)]), "check")
        check(not good and brings in said, f"check does not tell that {name} is missing: {said}")


def another_way(error):
    """Both journeys; what was restored then runs under the filter."""
    prepare = filtered([(number, None, 0, error) for number in ANOTHER_WAY.values()] +
                       [(PTRACE, 0, GET_RSEQ_CONFIGURATION, errno.EIO),
                        (IOCTL, 1, PAGEMAP_SCAN, errno.ENOTTY)])
    tree = program()
    refused_by_dump(tree, error)
    must("check -t", tool(prepare, "check", "-t", str(tree.pid)))
    images = fresh(f"images-{error}")
    must("dump", tool(prepare, "dump", "-t", str(tree.pid), "-D", images))
    gone(tree)
    refused_by_restore(tree, images, error)
    good, said = tool(prepare, "restore", "-d", "-D", images)
    must("restore", (good, said))
    check("filter that is around crtools" in said, f"the filter is not warned of: {said}")
    status = os.waitstatus_to_exitcode(tree.finish())
    check(status == 42, f"the program ended with {status}: {system.read_text('log')}")


if __name__ == "__main__":
    dumped.begin()
    for number in (errno.ENOSYS, errno.EPERM):
        foretold(number)
        another_way(number)
