# SPDX-License-Identifier: Apache-2.0
"""What the tests ask of the kernel and Python's library has no call for: a mount namespace with
a /run of its own, pid namespaces, child subreaping, ambient capabilities, and an end for every
process that a test leaves behind."""

import ctypes
import os
import random
import signal
import time

CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT = 1, 8, 36, 47
PR_CAP_AMBIENT_RAISE = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAPS = {"sys_ptrace": 19, "sys_admin": 21, "sys_resource": 24, "checkpoint_restore": 40}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(ret, what):
    if ret < 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{what}: {os.strerror(err)}")
    return ret


def _prctl(option, arg2=0, arg3=0):
    args = [ctypes.c_ulong(a) for a in (arg2, arg3, 0, 0)]
    _check(_libc.prctl(ctypes.c_int(option), *args), f"prctl {option}")


def private_run():
    """Moves this process into a mount namespace of its own, with an empty tmpfs on /run: CRIU
    keeps its kernel-feature cache there, crtools its journals. Needs root."""
    _check(_libc.unshare(CLONE_NEWNS), "unshare")
    _check(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "mount /")
    _check(_libc.mount(b"tmpfs", b"/run", b"tmpfs", ctypes.c_ulong(0), b"mode=755"), "mount /run")


def own_pids():
    """Goes on in a pid namespace of its own, in a new process and session: no other test can take
    an id there that this one's restore wants. The calling process stays outside, waits, and ends
    as the new one ends; between them stands the namespace's init, with which all in it ends.
    Where the kernel has no such namespaces, or the caller is not root, nothing changes."""
    try:
        _check(_libc.unshare(CLONE_NEWPID | CLONE_NEWNS), "unshare")
    except OSError:
        return
    init = os.fork()
    if init:
        _end_as(init)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _check(_libc.mount(b"proc", b"/proc", b"proc", ctypes.c_ulong(0), None), "mount /proc")
    # Ids as they are outside: CRIU misspells the names of files below a /proc/PID of one digit.
    with open("/proc/sys/kernel/ns_last_pid", "w", encoding="ascii") as f:
        f.write(str(random.randrange(1000, 20000)))
    child = os.fork()
    if child:
        _end_as(child)
    os.setsid()


def _end_as(child):
    """Reaps until this child has ended, and passes its status on."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


def hear_all_signals():
    """What whoever started the tests ignores is none of theirs. The C library hides 32 and 33."""
    nr = {"x86_64": 13, "aarch64": 134}.get(os.uname().machine)
    for signo in range(1, 65):
        if nr and signo not in (signal.SIGKILL, signal.SIGSTOP) and signal_is_ignored(signo):
            _check(_libc.syscall(ctypes.c_long(nr), ctypes.c_long(signo), bytes(32), None,
                                 ctypes.c_long(8)), "rt_sigaction")


def signal_is_ignored(signo):
    for line in read_text("/proc/self/status").splitlines():
        if line.startswith("SigIgn:"):
            return bool(int(line.split()[1], 16) >> (signo - 1) & 1)
    return False


def become_subreaper():
    """Orphans among this process' descendants become its children."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def ordinary_user(uid, caps=()):
    """Turns the calling process into an ordinary user's, with nothing but the named
    capabilities, which execve keeps (they are ambient). For use between fork and exec."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    _prctl(PR_SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(LINUX_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    for cap in caps:
        half, bit = divmod(CAPS[cap], 32)
        for field in range(3):  # effective, permitted, inheritable
            data[half * 3 + field] |= 1 << bit
    _check(_libc.capset(header, data), "capset")
    for cap in caps:
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAPS[cap])


def has_capability(name):
    with open("/proc/self/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> CAPS[name] & 1)
    return False


def read_text(path):
    """A /proc file's text, or None if it is not there (any more). With the calls alone: thousands
    are read in each run of a workload, and a file object costs as much again."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            text = b""
            while part := os.read(fd, 65536):
                text += part
        finally:
            os.close(fd)
    except OSError:
        return None
    return text.decode("utf-8", "surrogateescape")


def children(pid):
    found = []
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for tid in tids:
        found += map(int, (read_text(f"/proc/{pid}/task/{tid}/children") or "").split())
    return found


def descendants(pid):
    """All below pid, each after its parent."""
    found = []
    queue = children(pid)
    while queue:
        child = queue.pop()
        found.append(child)
        queue += children(child)
    return found


def process_state(pid):
    """The letter of /proc/PID/stat, or None."""
    text = read_text(f"/proc/{pid}/stat")
    return text.rpartition(")")[2].split()[0] if text else None


def exists(pid):
    """There and no zombie."""
    return process_state(pid) not in (None, "Z", "X")


def reap():
    """Collects every child that has ended; {pid: wait status}."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status


def kill_descendants(limit=10.0):
    """Ends everything below this process with SIGKILL, which stopped and traced processes obey
    too, and reaps it. New ones may be forked meanwhile, so it goes round until none is left.
    Returns what could not be ended."""
    return kill_descendants_except([], limit)


def kill_descendants_except(spared, limit=10.0):
    """The same, but for the spared children and what is below them. The spared are not reaped."""
    deadline = time.monotonic() + limit
    while True:
        left = []
        for child in children(os.getpid()):
            if child in spared:
                continue
            if process_state(child) in ("Z", "X"):
                _reap_one(child)
            else:
                left += [child] + descendants(child)
        if not left or time.monotonic() > deadline:
            return left
        for pid in left:
            _kill_below(pid)
        time.sleep(0.002)


def _is_below(pid):
    """Is this process among its forefathers now?"""
    while pid > 1:
        stat = read_text(f"/proc/{pid}/stat")
        if not stat:
            return False
        pid = int(stat.rpartition(")")[2].split()[1])
        if pid == os.getpid():
            return True
    return False


def _kill_below(pid):
    """An id from a list may be another's by now, of another test: the descriptor stands for one
    process, and that is ours if it is still below us."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _is_below(pid):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)


def _reap_one(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def unmount(path):
    """Detaches a mount at once, busy or not."""
    _libc.umount2(os.fsencode(path.encode().decode("unicode_escape")), MNT_DETACH)


def wait_child(pid, limit):
    """The wait status of a child, or None if it has not ended in time."""
    deadline = time.monotonic() + limit
    pause = 0.0005
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended == pid:
            return status
        if time.monotonic() > deadline:
            return None
        time.sleep(pause)
        pause = min(pause * 2, 0.01)


def describe_status(status):
    if status is None:
        return "did not end in time"
    if os.WIFSIGNALED(status):
        return f"was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with status {os.WEXITSTATUS(status)}"
