# SPDX-License-Identifier: Apache-2.0
"""Guests: a kernel of Debian's under qemu-system, by emulation, with a first root that is made on
the fly, in which this very runner runs. See test/guest/README.md.

The first root is three archives in a row: the base (the peer's unpacked packages, which bring
python and CRIU, and busybox; made once a peer), what belongs to the kernel (its modules), and what
is tested (crtools, the compiled workloads, the runner). What happens comes out as it happens,
through a port (telling.py)."""

import fnmatch
import os
import re
import shutil
import signal
import subprocess
import time

from . import peer, system, workload
from .cpio import Archive
from .result import Skip
from .telling import Told

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
INSIDE = "/crtools"  # where a guest has the sources
DISK = 8 << 30
SCRATCH = 2 << 30
# Seconds without a word, of a runner that speaks every five, or of a kernel that boots.
SILENCE = 240
OVER = "its time was over"
# A folder made by another version of this file is made anew.
STAMP = "1"
SHORT_LIMIT = 300  # seconds, for what is part of make check
LEFT_OUT = ("gconv", "pydoc_data", "test", "idlelib", "tkinter", "ensurepip", "__pycache__",
            "share", "perl-base", "perl5", "valgrind", "audit")
# Without these a guest can't hand out anything; all others are loaded when they are wanted.
MODULES = ("virtio_pci", "virtio_blk", "virtio_console")

DRIVERS = ("net", "virtio", "block", "vhost")

QEMU = {
    "amd64": ["qemu-system-x86_64", "-machine", "q35", "-cpu", "max"],
    "arm64": ["qemu-system-aarch64", "-machine", "virt,mte=on", "-cpu", "max,pauth-impdef=on"],
}
# A processor more makes the guests that this machine has place for fewer, and each of them not
# faster (README.md); but some have to have two.
PROCESSORS = {"6.1": 2, "6.12-arm64": 2}
APPEND = "quiet panic=-1 oops=panic loglevel=4 random.trust_cpu=on"
CONSOLE = {"amd64": "ttyS0", "arm64": "ttyAMA0"}
# What Debian calls arm64 is aarch64 to all others.
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}


# What may stand behind a kernel's name, as in 6.12+apparmor: other words for the kernel, another
# processor. tunables: what makes the C library of a program that is dumped elsewhere, and restored
# there, do without what that processor has not (GLIBC_TUNABLES).
VARIANTS = {
    # For what changes the machine.
    "hardened": {},
    "nfs": {},
    "apparmor": {"append": "apparmor=1 security=apparmor"},
    "lockdown": {"append": "lockdown=confidentiality"},
    # x86-64-v2: no AVX, hence no registers of 256 bits, and no XSAVE.
    "v2": {"cpu": "Nehalem",
           "tunables": "glibc.cpu.hwcaps=-AVX2,-AVX,-BMI1,-BMI2,-LZCNT,-MOVBE,-FMA,-XSAVEC,-XSAVE,"
                       "-ERMS,-FSRM"},
}


def processor(name):
    return "arm64" if name.partition("+")[0].endswith("-arm64") else "amd64"


def native(name):
    """Whether the kernel runs what is compiled for this machine."""
    return processor(name) == "amd64"


def _tool(*words):
    """The folder that a script of tools/ prints; its last words are the reason if it can't."""
    done = subprocess.run([os.path.join(TOP, "tools", words[0]), *words[1:]],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Skip(f"no guest: {lines[-1] if lines else words[0] + ' failed'}")
    return done.stdout.strip()


class Kernel:
    def __init__(self, name):
        self.name = name
        name, _, variant = name.partition("+")
        if variant and variant not in VARIANTS:
            raise Skip(f"no guest: there is no variant '{variant}', only {', '.join(VARIANTS)}")
        self.variant = VARIANTS.get(variant, {})
        self.folder = _tool("kernel", name)
        self.version = self._text("version")
        self.package = self._text("package").splitlines()[0]
        self.needed = self._needed()

    def _text(self, name):
        return system.read_text(os.path.join(self.folder, name)).strip()

    def before(self, major, minor):
        return tuple(map(int, self.version.split("-")[0].split(".")[:2])) < (major, minor)

    @property
    def image(self):
        return os.path.join(self.folder, "vmlinuz")

    def _needed(self):
        """The files of MODULES with what they depend on, in the order of loading."""
        after, paths = {}, {}
        for line in self._text("modules/modules.dep").splitlines():
            path, _, rest = line.partition(":")
            after[path] = rest.split()
            paths[os.path.basename(path).removesuffix(".ko").replace("-", "_")] = path
        order = []
        for module in MODULES:
            if module in paths:  # else it is built in
                order += [p for p in reversed(after[paths[module]]) if p not in order]
                order.append(paths[module])
        return [f"/lib/modules/{self.version}/{path}" for path in order]

    def archive(self, out):
        archive = Archive(out)
        archive.tree(f"usr/lib/modules/{self.version}", os.path.join(self.folder, "modules"),
                     _unwanted_module)
        archive.text("job/modules", "".join(path + "\n" for path in self.needed))
        archive.end()


def listed(name):
    """[(kernel, patterns)] of a file of test/guest."""
    text = system.read_text(os.path.join(TOP, "test", "guest", name))
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return [(words[0], words[1:]) for words in lines]


def chosen(name, patterns):
    """As test/run understands them, for names of workloads."""
    return any(fnmatch.fnmatch(name, pattern) or name.startswith(pattern.rstrip("/") + "/")
               for pattern in patterns)


def _unwanted_module(path):
    """Drivers of things that a guest does not have, and lists that busybox does not read."""
    parts = path.split("/")
    driver = parts[2:] if len(parts) > 2 and parts[1] == "drivers" else DRIVERS
    return path.endswith(".bin") or driver[0] not in DRIVERS and \
        (driver[0] != "char" or len(driver) > 1 and driver[1] != "virtio_console.ko")


def _peer(arch):
    return _tool("peer") if arch == "amd64" else _tool("peer", "--arch", arch)


def _busybox(arch):
    if arch == "amd64":
        return shutil.which("busybox") or "/bin/busybox"
    return os.path.join(_peer(arch), "root", "usr", "bin", "busybox")


def _write_base(arch, out):
    root = os.path.join(_peer(arch), "root")
    archive = Archive(out)
    for name in ("bin", "sbin", "lib", "lib64"):
        archive.link(name, f"usr/{name}")
    archive.device("dev/console", 5, 1)
    with open(_busybox(arch), "rb") as f:
        archive.data("usr/bin/busybox", f.read(), 0o755)
    archive.link("usr/bin/sh", "busybox")
    archive.tree("", root, lambda name: os.path.basename(name) in LEFT_OUT)
    archive.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    archive.text("etc/group", "root:x:0:\n")
    _compile_python(root, archive)
    archive.end()


def _compile_python(root, archive):
    """Modules as python compiles them: an emulated processor takes a second for each that is
    not. The peer's own python does it, in one process and without writing to its folder."""
    library = next(name for name in sorted(os.listdir(os.path.join(root, "usr", "lib")))
                   if name.startswith("python3."))
    folder = os.path.join(root, "usr", "lib", library)
    host_python = os.path.join(peer.find()[0], "python")
    program = """
import importlib.util, marshal, os, sys
from importlib._bootstrap_external import _code_to_hash_pyc
for path in sys.stdin.read().splitlines():
    with open(path, "rb") as f:
        source = f.read()
    code = compile(source, "/" + os.path.relpath(path, sys.argv[1]), "exec", dont_inherit=True)
    data = _code_to_hash_pyc(code, importlib.util.source_hash(source), False)
    name = os.path.relpath(importlib.util.cache_from_source(path), sys.argv[1])
    sys.stdout.buffer.write(f"{len(data)} {name}\\n".encode() + data)
"""
    sources = []
    for top, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in LEFT_OUT]
        sources += [os.path.join(top, n) for n in names
                    if n.endswith(".py") and os.path.exists(os.path.join(top, n))]
    done = subprocess.run([host_python, "-c", program, root], input="\n".join(sources).encode(),
                          capture_output=True, check=True)
    text = done.stdout
    while text:
        head, _, text = text.partition(b"\n")
        size, name = head.decode().split(" ", 1)
        archive.data(name, text[:int(size)])
        text = text[int(size):]


def base(arch):
    """The path of the base archive, made if it is missing."""
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or
                         os.path.expanduser("~/.cache"), "crtools", "guest")
    os.makedirs(cache, exist_ok=True)
    made_of = int(os.path.getmtime(os.path.join(_peer(arch), ".stamp")))
    path = os.path.join(cache, f"base-{arch}-{STAMP}-{made_of}.cpio")
    if not os.path.exists(path):
        partial = f"{path}.{os.getpid()}"
        with open(partial, "wb") as out:
            _write_base(arch, out)
        os.rename(partial, path)
    return path


def _native_libraries(binaries):
    """What the dynamic loader would load for programs made on this machine."""
    found = set()
    done = subprocess.run(["ldd", *binaries], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)
    for line in done.stdout.splitlines():
        for word in line.split():
            if word.startswith("/") and not word.endswith(":"):
                found.add(word)
    return found


def _place_of(library):
    """Where a guest has it: where the loader looks without a cache."""
    if "/lib32/" in library:
        return "usr/lib/" + os.path.basename(library)
    return library.lstrip("/") if library.startswith("/usr/") else f"usr{library}"


def _foreign_libraries(binaries, folder):
    """What is asked for and lies in the folder; it needs nothing but the C library itself."""
    done = subprocess.run(["readelf", "-dW", *binaries], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    wanted = set(re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout))
    return [path for path in (os.path.join(folder, name) for name in sorted(wanted))
            if os.path.exists(path)]


def cross_compiler(arch):
    machine = MACHINE[arch]
    return os.path.join(_tool("cross", machine), f"{machine}-linux-gnu-gcc")


class Cross:
    """Workloads for another processor: compiled beside the build of crtools for it."""

    def __init__(self, arch):
        self.arch, self.machine = arch, MACHINE[arch]
        self.build = os.path.join(TOP, f"build-{self.machine}")
        if not os.access(os.path.join(self.build, "crtools"), os.X_OK):
            raise Skip(f"no guest: there is no build-{self.machine}/crtools "
                       f"(make ARCH={self.machine})")

    def workloads(self, works):
        """Compiled for it, and the outcomes of those that can't be."""
        source = os.path.join(TOP, "test", "workload")
        copies = [workload.Workload(source, f"{work.name}.c") for work in works]
        errors = workload.build(copies, source, os.path.join(self.build, "workload"), 2,
                                cross_compiler(self.arch), self.machine)
        return [work for work in copies if work.name not in errors], \
            [[f"{name} host", "fail", f"does not compile for {self.machine}", text, 0.0]
             for name, text in errors.items()]


class Load:
    """What is tested: crtools, compiled workloads, and the runner."""

    def __init__(self, arch, build, works):
        self.arch, self.build, self.works = arch, build, works
        self.only = None  # names of tests; None: all that the words choose

    def archive(self, out, words, folder):
        archive = Archive(out)
        place = INSIDE.lstrip("/")
        with open(os.path.join(TOP, "test", "guest", "init"), "rb") as f:
            archive.data("init", f.read(), 0o755)
        archive.text("job/words", "".join(word + "\n" for word in words))
        if self.only is not None:
            archive.text("job/only", "".join(name + "\n" for name in self.only))
        archive.text("peer/criu.argv", "/usr/sbin/criu\n")
        for part in ("run", "lib", "workload", "cli", "interop", "fault"):
            path = os.path.join(TOP, "test", part)
            if os.path.isdir(path):
                archive.tree(f"{place}/test/{part}", path)
            else:
                archive.copy(f"{place}/test/{part}", path)
        self._programs(archive, place, folder)
        archive.end()

    def check_static(self):
        """Asks the program headers: PT_INTERP is there if a loader is wanted."""
        done = subprocess.run(["readelf", "-lW", os.path.join(self.build, "crtools")],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if "INTERP" in done.stdout:
            raise Skip("no guest: crtools is not static (make STATIC=1 tells why it can't be)")

    def _programs(self, archive, place, folder):
        binaries = {f"{place}/build/crtools": os.path.join(self.build, "crtools")}
        for work in self.works:
            if os.path.exists(work.binary):
                binaries[f"{place}/build/workload/{work.name}"] = work.binary
        now = int(time.time())
        for name, path in binaries.items():
            stripped = os.path.join(folder, "stripped")
            subprocess.run([self._strip(), "-o", stripped, path], check=True)
            with open(stripped, "rb") as f:
                archive.data(name, f.read(), 0o755, now)
        # The base has the libraries of 64-bit programs, but for those that only workloads use.
        ours = f"{MACHINE[self.arch]}-linux-gnu"
        has = [f"{ours}/{name}" for name in
               os.listdir(os.path.join(_peer(self.arch), "root", "usr", "lib", ours))]
        libraries = _native_libraries(binaries.values()) if self.arch == "amd64" else \
            _foreign_libraries(binaries.values(), f"/usr/lib/{ours}")
        for path in sorted(libraries):
            if "/".join(path.split("/")[-2:]) not in has and not path.startswith("/lib64/"):
                with open(path, "rb") as f:
                    archive.data(_place_of(path), f.read(), 0o755)

    def _strip(self):
        return "strip" if self.arch == "amd64" else "aarch64-linux-gnu-strip"


class Guest:
    """One start of a kernel with a load, until it ends by itself, or has to be ended. Its disk
    (/out) outlives it."""

    def __init__(self, kernel, folder, disk, processors=None):
        self.kernel, self.folder, self.disk = kernel, folder, disk
        self.arch = processor(kernel.name)
        self.processors = processors or PROCESSORS.get(kernel.name, 1)
        self.console, self.port, self.scratch, self.said = (
            os.path.join(folder, name) for name in ("console", "port", "scratch", "qemu"))

    def _initrd(self, load, words):
        path = os.path.join(self.folder, "initrd")
        with open(path, "wb") as out:
            with open(base(self.arch), "rb") as f:
                shutil.copyfileobj(f, out)
            self.kernel.archive(out)
            load.archive(out, words, self.folder)
        return path

    def _argv(self, initrd, memory):
        variant = self.kernel.variant
        words = [*QEMU[self.arch][:-1], variant.get("cpu", QEMU[self.arch][-1])]
        append = f"console={CONSOLE[self.arch]} {APPEND} {variant.get('append', '')}"
        return [*words, "-accel", "tcg,thread=multi", "-smp", str(self.processors),
                "-m", memory, "-display", "none", "-monitor", "none", "-no-reboot", "-nodefaults",
                "-serial", f"file:{self.console}", "-kernel", self.kernel.image,
                "-initrd", initrd, "-append", append,
                "-device", "virtio-serial-pci", "-chardev", f"file,id=port,path={self.port}",
                "-device", "virtserialport,chardev=port",
                *(word for disk in (self.disk, self.scratch) for word in
                  ("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"))]

    def run(self, load, words, limit, memory="2G", hear=lambda told: None):
        """What it has told, and how it has ended: "" if well. hear is called whenever more has come
        through."""
        program = QEMU[self.arch][0]
        if not shutil.which(program):
            raise Skip(f"no guest: {program} is not installed")
        initrd = self._initrd(load, words)
        _make_disk(self.scratch, SCRATCH, "^has_journal")
        for path in (self.port, self.console):
            with open(path, "wb"):
                pass
        told = Told(self.port)
        try:
            with open(self.said, "wb") as out:
                proc = subprocess.Popen(self._argv(initrd, memory), stdin=subprocess.DEVNULL,
                                        stdout=out, stderr=subprocess.STDOUT)
            proc.returncode = 0
            end = self._attend(proc.pid, told, limit, hear)
        finally:
            told.close()
            for path in (initrd, self.scratch):
                os.unlink(path)
        return told, end

    def _attend(self, pid, told, limit, hear):
        start = last = time.monotonic()
        while True:
            status = system.wait_child(pid, 1.0)
            now = time.monotonic()
            if told.hear():
                last = now
                hear(told)
            if status is not None:
                break
            if now > start + limit or now > last + SILENCE:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return f"hung: nothing was heard for {SILENCE} s" if now <= start + limit else \
                    OVER
        if told.status is not None:
            return ""
        if status != 0:
            return f"{QEMU[self.arch][0]} {system.describe_status(status)}"
        panic = re.search(r"Kernel panic - not syncing: (.*)", system.read_text(self.console) or "")
        return f"panic: {panic[1].strip()}" if panic else "it went away"

    def tail(self):
        text = (system.read_text(self.said) or "") + (system.read_text(self.console) or "")
        return "\n".join(text.splitlines()[-60:])


def _make_disk(path, size, features):
    """A file system of the common kind: a tmpfs can't do all that one can, on older kernels least
    of all."""
    with open(path, "wb") as f:
        f.truncate(size)
    subprocess.run(["/sbin/mkfs.ext4", "-q", "-O", features, path], check=True,
                   stdin=subprocess.DEVNULL)


def new_disk(folder):
    """What outlives a guest; with a journal, since the guest may die."""
    path = os.path.join(folder, "disk")
    _make_disk(path, DISK, "has_journal")
    return path
