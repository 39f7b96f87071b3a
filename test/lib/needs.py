# SPDX-License-Identifier: Apache-2.0
"""What a test may ask of the machine (wl: needs). Each word has one probe, which looks at the
thing itself where it can; lacking() returns the sentence that a skip is reported with, or None."""

import ctypes
import errno
import functools
import json
import mmap
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from . import system

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                       ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
MAP_PRIVATE, MAP_ANONYMOUS, MAP_DROPPABLE = 2, 0x20, 8
MADV_GUARD_INSTALL = 102
SYS_MSEAL = 462
SYS_IO_URING_SETUP = 425
SYS_MEMFD_SECRET = 447
PR_SET_VMA, PR_SCHED_CORE = 0x53564D41, 62
PR_SET_TSC, PR_TSC_SIGSEGV = 26, 2
EINVAL, EFAULT = 22, 14


def kernel_version():
    return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", platform.release()).groups())


def _cpu_flag(name):
    return re.search(rf"^flags\s*:.*\b{name}\b", system.read_text("/proc/cpuinfo"), re.M)


def _cpu_feature(name):
    """As aarch64 has it."""
    return re.search(rf"^Features\s*:.*\b{name}\b", system.read_text("/proc/cpuinfo"), re.M)


def _filesystem(name):
    if re.search(rf"\b{name}$", system.read_text("/proc/filesystems"), re.M):
        return True
    return subprocess.run(["modprobe", "-q", name], stderr=subprocess.DEVNULL).returncode == 0 \
        if shutil.which("modprobe") else False


def _mounted(fstype):
    return any(line.split()[2] == fstype
               for line in system.read_text("/proc/self/mounts").splitlines())


def _aio_inherited():
    context = ctypes.c_ulong(0)
    setup, destroy = (0, 1) if platform.machine() == "aarch64" else (206, 207)
    if _libc.syscall(setup, 1, ctypes.byref(context)):
        return False
    child = os.fork()
    if not child:
        os._exit("/[aio]" in system.read_text("/proc/self/maps"))
    inherited = os.waitpid(child, 0)[1] != 0
    _libc.syscall(destroy, context)
    return inherited


def _unix_oob():
    """6.1 loses what follows the byte, in part of the cases of unix/out_of_band."""
    def keeps(before, behind):
        sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with sender, receiver:
            receiver.setblocking(False)
            try:
                sender.sendall(before)
                sender.send(b"!", socket.MSG_OOB)
                sender.sendall(behind)
                return (not before or receiver.recv(9) == before) and \
                    receiver.recv(1, socket.MSG_OOB) == b"!" and receiver.recv(9) == behind
            except OSError:
                return False
    return keeps(b"before", b"behind") and keeps(b"", b"behind")


def _with_page(use, flags=MAP_PRIVATE):
    page = _libc.mmap(None, 4096, 3, flags | MAP_ANONYMOUS, -1, 0)
    if page in (None, ctypes.c_void_p(-1).value):
        return False
    try:
        return use(page)
    finally:
        _libc.munmap(page, 4096)


def _prctl_known(*args):
    ctypes.set_errno(0)
    ret = _libc.prctl(args[0], *[ctypes.c_ulong(a) for a in args[1:]])
    return ret >= 0 or ctypes.get_errno() != EINVAL


def _core_sched():
    cookie = ctypes.c_ulong()
    pid = os.getpid()
    return _libc.prctl(PR_SCHED_CORE, ctypes.c_ulong(0), ctypes.c_ulong(pid), ctypes.c_ulong(0),
                       ctypes.byref(cookie)) == 0


def _has_family(name):
    """For the types, and the right, that the machine lacks, the error is another one."""
    try:
        socket.socket(getattr(socket, name), socket.SOCK_STREAM).close()
    except AttributeError:
        return False
    except OSError as e:
        return e.errno not in (errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT)
    return True


def _multipath_tcp():
    """The kernel's configuration decides (CONFIG_MPTCP), and net.mptcp.enabled."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
        return True
    except OSError:
        return False


def _free_hugepages():
    """Those that nobody has, nor has been promised."""
    text = system.read_text("/proc/meminfo")
    free, reserved = (int(re.search(rf"HugePages_{word}:\s*(\d+)", text)[1])
                      for word in ("Free", "Rsvd"))
    return free - reserved


def _hugepages():
    """Sixteen free ones, reserved if need be; test/run gives them back. Looked for each time: those
    of the test before may not be free yet, and somebody else may have changed the number."""
    path = "/proc/sys/vm/nr_hugepages"
    try:
        if _free_hugepages() < 16:
            with open(path, "r+", encoding="ascii") as f:
                wanted = int(f.read()) + 16 - _free_hugepages()
                f.seek(0)
                f.write(str(wanted))
        return _free_hugepages() >= 16
    except (OSError, TypeError):
        return False


def smallest_32bit():
    """A program of i386 that does nothing but exit(0), for machines without a compiler, where
    others have compiled."""
    code = bytes.fromhex("b801000000" "31db" "cd80")
    base, head = 0x08048000, 52 + 32
    return struct.pack("<16s2H5I6H", b"\x7fELF\x01\x01\x01", 2, 3, 1, base + head, 52, 0, 0, 52, 32,
                       1, 0, 0, 0) + \
        struct.pack("<8I", 1, 0, base, base, head + len(code), head + len(code), 5, 4096) + code


def _counter_faults():
    """Guests of some hypervisors (PVM) read the counter after PR_SET_TSC all the same."""
    pid = os.fork()
    if pid == 0:
        try:
            every = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
            with mmap.mmap(-1, 4096, prot=every) as code:
                code.write(b"\x0f\x31\xc3")  # rdtsc; ret
                read = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
                if _libc.prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0) == 0:
                    read()
        finally:
            os._exit(0)
    status = os.waitpid(pid, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGSEGV


def _runs_32bit():
    """A kernel may have the calls of i386 and not allow them (ia32_emulation=off)."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "program")
        if shutil.which("gcc"):
            built = subprocess.run(["gcc", "-m32", "-x", "c", "-", "-o", program], text=True,
                                   input="int main(void) { return 0; }", capture_output=True)
            if built.returncode:
                return False
        else:
            with open(program, "wb") as f:
                f.write(smallest_32bit())
            os.chmod(program, 0o755)
        try:
            return subprocess.run([program]).returncode == 0
        except OSError:
            return False


def _tracing():
    """Kernels without CONFIG_UPROBE_EVENTS have no uprobe_events file in tracefs."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tracefs", "tracefs", folder],
                          stderr=subprocess.DEVNULL).returncode:
            return False
        try:
            return os.path.exists(os.path.join(folder, "uprobe_events"))
        finally:
            subprocess.run(["umount", folder], check=True)


def _inode_flags():
    """Not every file system has them, and they take CAP_LINUX_IMMUTABLE."""
    with tempfile.NamedTemporaryFile() as f:
        good = subprocess.run(["chattr", "+a", f.name], stderr=subprocess.DEVNULL).returncode == 0
        subprocess.run(["chattr", "-a", f.name], stderr=subprocess.DEVNULL)
        return good


def _watch_queue():
    """Kernels without answer ENOPKG to O_NOTIFICATION_PIPE, which is O_EXCL."""
    try:
        for fd in os.pipe2(os.O_EXCL):
            os.close(fd)
        return True
    except OSError:
        return False


def _virtual_consoles():
    """Kernels without CONFIG_VT have the nodes perhaps, but no device."""
    try:
        os.close(os.open("/dev/tty60", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
        return True
    except OSError:
        return False


def _soft_dirty():
    """The flag VmFlags shows on kernels built with CONFIG_MEM_SOFT_DIRTY."""
    return re.search(r"^VmFlags:.*\bsd\b", system.read_text("/proc/self/smaps"), re.M)


def _io_uring():
    """A kernel that has it, and lets us use it, looks at the pointer."""
    ctypes.set_errno(0)
    _libc.syscall(SYS_IO_URING_SETUP, ctypes.c_uint(1), None)
    return ctypes.get_errno() == EFAULT


def _memfd_secret():
    fd = _libc.syscall(SYS_MEMFD_SECRET, ctypes.c_uint(0))
    if fd >= 0:
        os.close(fd)
    return fd >= 0


_build_options = {}


def look_at_build(folder):
    """How the tool was built. A guest has one of the usual kind, without its build folder."""
    text = system.read_text(os.path.join(folder, "meson-info", "intro-buildoptions.json"))
    _build_options.update({option["name"]: option["value"] for option in json.loads(text or "[]")})


_PROBES = {
    # AddressSanitizer adds hundreds of areas to each process of the tool, and takes a tool that
    # copies its own image for one that runs over its variables' ends.
    "no-asan": lambda: "address" not in _build_options.get("b_sanitize", "none"),
    "root": lambda: os.geteuid() == 0,
    "x86_64": lambda: platform.machine() == "x86_64",
    "aarch64": lambda: platform.machine() == "aarch64",
    "2cpus": lambda: len(os.sched_getaffinity(0)) >= 2,
    "root-on-disk": lambda: not re.search(r"^\S+ / (rootfs|tmpfs|ramfs) ",
                                          system.read_text("/proc/mounts"), re.M),
    "guest": lambda: os.path.exists("/job/words"),
    "apparmor": lambda: (system.read_text("/sys/module/apparmor/parameters/enabled") or "N")[0]
    == "Y",
    "lockdown": lambda: "[confidentiality]" in (
        system.read_text("/sys/kernel/security/lockdown") or ""),
    "mptcp": _multipath_tcp,
    "autogroup": lambda: os.path.exists("/proc/self/autogroup"),
    "core-sched": _core_sched,
    "rseq-no-restart": lambda: kernel_version() < (6, 1),
    "anon_name": lambda: _with_page(lambda p: _prctl_known(PR_SET_VMA, 0, p, 4096, 0)),
    "droppable": lambda: _with_page(lambda p: True, MAP_DROPPABLE),
    "guard": lambda: _with_page(lambda p: _libc.madvise(p, 4096, MADV_GUARD_INSTALL) == 0),
    "aio-inherited": _aio_inherited,
    "unix-oob": _unix_oob,
    "mseal": lambda: _libc.syscall(SYS_MSEAL, ctypes.c_ulong(0), ctypes.c_ulong(0),
                                   ctypes.c_ulong(0)) == 0,
    "hugepages": _hugepages,
    "thp": lambda: "[never]" not in (system.read_text(
        "/sys/kernel/mm/transparent_hugepage/enabled") or "[never]"),
    "pfn": lambda: system.has_capability("sys_admin"),
    "pku": lambda: _cpu_flag("ospke"),
    "amx": lambda: _cpu_flag("amx_tile"),
    "avx512": lambda: _cpu_flag("avx512f"),
    "avx": lambda: _cpu_flag("avx"),
    "32bit": _runs_32bit,
    "tsc-fault": _counter_faults,
    "uprobes": _tracing,
    "soft-dirty": _soft_dirty,
    "overlayfs": lambda: _filesystem("overlay"),
    "btrfs": lambda: _filesystem("btrfs") and shutil.which("mkfs.btrfs"),
    "xfs": lambda: _filesystem("xfs") and shutil.which("mkfs.xfs"),
    "fuse": lambda: _filesystem("fuse") and os.path.exists("/dev/fuse"),
    "ksm": lambda: os.path.exists("/sys/kernel/mm/ksm/run"),
    "inode_flags": _inode_flags,
    "io_uring": _io_uring,
    "memfd_secret": _memfd_secret,
    "watch_queue": _watch_queue,
    "vt": _virtual_consoles,
    "cgroup1": lambda: _mounted("cgroup"),
    "cgroup2": lambda: _mounted("cgroup2"),
    "landlock": lambda: "landlock" in (system.read_text("/sys/kernel/security/lsm") or "")
    or _libc.syscall(444, None, ctypes.c_ulong(0), ctypes.c_uint(1)) > 0,
    "loginuid": lambda: os.path.exists("/proc/self/loginuid"),
    "seccomp": lambda: system.read_text("/proc/sys/kernel/seccomp/actions_avail"),
    "numa": lambda: os.path.exists("/proc/self/numa_maps"),
    "userns": lambda: os.path.exists("/proc/self/ns/user"),
    "timens": lambda: os.path.exists("/proc/self/ns/time"),
    "sysvipc": lambda: os.path.exists("/proc/sysvipc"),
    "cap_sys_resource": lambda: system.has_capability("sys_resource"),
}

_LACKS = {
    "no-asan": "a tool built without AddressSanitizer",
    "root": "root",
    "x86_64": "a processor of the family x86_64",
    "aarch64": "a processor of the family aarch64",
    "2cpus": "a second processor",
    "root-on-disk": "a root folder that is not in memory",
    "guest": "a machine to itself, as test/guest has it",
    "apparmor": "AppArmor (CONFIG_SECURITY_APPARMOR, apparmor=1 security=apparmor)",
    "lockdown": "a kernel that is locked down for confidentiality",
    "mptcp": "multipath TCP (CONFIG_MPTCP, net.mptcp.enabled)",
    "pfn": "CAP_SYS_ADMIN, to see page frames",
    "tsc-fault": "a processor that keeps processes from its time-stamp counter (PR_SET_TSC)",
    "rseq-no-restart": "a kernel before 6.1 (the rseq flags were removed then)",
    "pku": "protection keys in the processor",
    "hugepages": "memory for sixteen huge pages",
    "32bit": "gcc -m32 and its libraries, or a kernel that runs 32-bit programs",
    "uprobes": "uprobes in the kernel (tracefs, CONFIG_UPROBE_EVENTS)",
    "autogroup": "CONFIG_SCHED_AUTOGROUP in the kernel",
    "core-sched": "core scheduling in the kernel and processor (CONFIG_SCHED_CORE, SMT)",
    "btrfs": "btrfs in the kernel and mkfs.btrfs",
    "xfs": "xfs in the kernel and mkfs.xfs",
    "ksm": "CONFIG_KSM in the kernel",
    "fuse": "FUSE in the kernel and /dev/fuse",
    "inode_flags": "inode flags (chattr) where temporary files are, or the right to set them",
    "watch_queue": "CONFIG_WATCH_QUEUE in the kernel",
    "io_uring": "io_uring (CONFIG_IO_URING, kernel.io_uring_disabled=0)",
    "memfd_secret": "memfd_secret (CONFIG_SECRETMEM, before Linux 6.5 secretmem.enable=1)",
    "vt": "virtual consoles (CONFIG_VT, /dev/tty60)",
    "anon_name": "CONFIG_ANON_VMA_NAME in the kernel",
    "droppable": "MAP_DROPPABLE (Linux 6.11)",
    "unix-oob": "unix sockets that keep what is behind a byte out of band (6.1 does not)",
    "aio-inherited": "a kernel that gives rings of AIO to children (7.2 does not)",
    "mseal": "mseal (Linux 6.10)",
    "guard": "guard regions (Linux 6.13)",
}


_CHANGING = ("hugepages",)


def lacks(word):
    return _lacks.__wrapped__(word) if word in _CHANGING else _lacks(word)


@functools.lru_cache(maxsize=None)
def _lacks(word):
    """None, or what the machine lacks. A word may be program:NAME, kernel:MAJOR.MINOR,
    header:NAME, module:NAME, family:AF_NAME or feature:NAME (of an aarch64 processor)."""
    kind, _, name = word.partition(":")
    if kind == "program":
        return None if shutil.which(name) else f"the program {name}"
    if kind == "kernel":
        version = tuple(int(n) for n in name.split("."))
        return None if kernel_version() >= version else f"Linux {name}"
    if kind == "feature":
        return None if _cpu_feature(name) else f"the processor's feature {name}"
    if kind == "family":
        return None if _has_family(name) else f"sockets of the family {name}"
    if word not in _PROBES:
        raise ValueError(f"test/lib/needs.py has no probe for the need '{word}'")
    try:
        return None if _PROBES[word]() else _LACKS.get(word, word)
    except FileNotFoundError as error:  # a probe's program, which is not there in a guest
        return f"the program {error.filename}"


def lacking(words):
    missing = [what for what in map(lacks, words) if what]
    return "the machine lacks " + ", ".join(missing) if missing else None
