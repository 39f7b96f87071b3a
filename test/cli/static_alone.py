#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tool as one file: it asks for no loader and no library, is below 3 MB without symbols, and
dumps and restores in a root that holds nothing but itself, the program and /proc. What it looks up
there, as strace tells, are the kernel's files, its own journal, its configuration and its images:
nothing that would have had to be installed (locales, character sets, name services).

wl: needs root program:gcc program:strace program:readelf
wl: areas cli"""

import os
import re
import shutil
import signal
import subprocess

import dumped
from dumped import TOOL, check, fail, skip, system

LIMIT = 3 << 20
PROGRAM = """
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void)
{
	char *text = malloc(1 << 20), got[6] = "";
	int ends[2], sig, fd = 1;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	memset(text, 'x', 1 << 20);
	if (pipe(ends) || write(ends[1], "piped", 5) != 5 || write(fd, "ready\\n", 6) != 6)
		return 2;
	sigwait(&set, &sig);
	if (read(ends[0], got, 5) != 5 || strcmp(got, "piped"))
		return 3;
	for (int i = 0; i < 1 << 20; i++)
		if (text[i] != 'x')
			return 4;
	return 42;
}
"""
# Opened or asked for, in the root that the tool sees.
ALLOWED = re.compile(r"^(/proc|/sys|/dev|/images|/run|/crtools|/program|/log|/etc/(crtools|criu)/)"
                     r"|^/$|^[^/]")


def check_file():
    shown = subprocess.run(["readelf", "-ldW", TOOL], capture_output=True, text=True, check=True)
    if "INTERP" in shown.stdout:
        skip("the machine lacks static libraries: crtools was linked with shared ones")
    check("(NEEDED)" not in shown.stdout, f"crtools wants libraries:\n{shown.stdout}")
    subprocess.run(["strip", "-o", "stripped", TOOL], check=True)
    size = os.path.getsize("stripped")
    check(size < LIMIT, f"crtools without symbols has {size} bytes, more than {LIMIT}")


def make_root():
    for name in ("proc", "images", "run", "dev"):
        os.makedirs(os.path.join("root", name))
    shutil.copy("stripped", "root/crtools")
    subprocess.run(["gcc", "-O1", "-static", "-x", "c", "-", "-o", "root/program"],
                   input=PROGRAM, text=True, check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "root/proc"], check=True)
    os.mknod("root/dev/null", 0o20666, os.makedev(1, 3))


def inside():
    os.chroot("root")
    os.chdir("/")


def start():
    with open("root/log", "wb") as log, open("root/dev/null", "rb") as null:
        proc = subprocess.Popen(["/program"], stdin=null, stdout=log, stderr=log,
                                start_new_session=True, preexec_fn=inside, env={})
    proc.returncode = 0
    dumped.await_true("the program's start", lambda: "ready" in system.read_text("root/log"))
    return proc.pid


def looked_up(trace):
    """The paths in the tool's calls."""
    return set(re.findall(r'^(?:\d+ +)?\w+\((?:AT_FDCWD, )?"([^"]+)"', trace, re.M))


def tool(verb, *words):
    # Who is restored is traced by the tool, so strace can't.
    follow = ["-f"] if verb == "dump" else []
    done = subprocess.run(
        ["strace", *follow, "-qq", "-e", "trace=%file", "-o", "trace", shutil.which("chroot"),
         "root", "/crtools", verb, "-D", "/images", *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={}, timeout=60)
    check(done.returncode == 0, f"{verb} failed without anything beside the tool:\n{done.stdout}")
    trace = system.read_text("trace")
    trace = trace[trace.index('execve("/crtools"'):]
    paths = looked_up(trace)
    check(any(path.startswith("/proc") for path in paths), f"strace saw nothing:\n{trace[:2000]}")
    odd = sorted(path for path in paths if not ALLOWED.match(path))
    check(not odd, f"{verb} looked for files that a bare root does not have: {odd}")


def without_proc():
    os.mkdir("bare")
    shutil.copy("stripped", "bare/crtools")
    for words in (["check", "-t", "1"], ["dump", "-t", "1", "-D", "/"]):
        done = subprocess.run([shutil.which("chroot"), "bare", "/crtools", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        check(done.returncode and "/proc is not mounted" in done.stdout and
              "mount -t proc" in done.stdout, f"{words}: does not miss /proc: {done.stdout}")


def main():
    dumped.begin()
    check_file()
    without_proc()
    make_root()
    pid = start()
    try:
        tool("dump", "-t", str(pid))
        dumped.await_true("the end of the program", lambda: system.reap() or
                          not os.path.exists(f"/proc/{pid}"))
        tool("restore", "-d")
        os.kill(pid, signal.SIGTERM)
        status = system.wait_child(pid, 20)
        if status is None or os.waitstatus_to_exitcode(status) != 42:
            fail(f"the restored program {system.describe_status(status)}, not with 42")
    finally:
        system.kill_descendants()
        subprocess.run(["umount", "root/proc"], check=False)


main()
