#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A shell with a job in the background, a stopped one and half a command line, whose terminal is
outside of the tree: dumped with --shell-job and restored in another terminal of another size,
in whose session it takes the lead. Variables, jobs, the line that was typed ahead, ^C and ^Z work
on. The same for a job that does not lead its session: it gets the foreground, and crtools takes it
back; for a session whose terminal nobody of the tree has open; and for one that has no terminal,
and a program in it that writes to one of another session.

wl: needs root program:bash program:sleep
wl: lane tty
wl: areas tty cli-rpc
wl: idle"""

import os
import signal
import subprocess
import sys
import tempfile

import terminal
from lib import system
from terminal import TOOL, Terminal, await_true, check


def tool(images, verb, *words):
    return [TOOL, verb, "-D", images, "-o", f"{verb}.log", "-v4", *words]


def dump(images, pid):
    tree = [pid] + system.descendants(pid)
    done = subprocess.run(tool(images, "dump", "-t", str(pid), "--shell-job"),
                          capture_output=True, text=True, timeout=60, check=False)
    check(done.returncode == 0, f"the dump failed: {done.stdout}{done.stderr}")
    for one in tree:
        terminal.await_gone(one)


def check_shell(images):
    first = Terminal(24, 80)
    pid = first.start(["bash", "--norc", "--noprofile", "--noediting", "-i"])
    first.expect("$ ")
    first.type("kept=value; sleep 1000 & sleep 2000\n")
    first.expect("sleep 2000")
    first.read(0.5)
    first.type("\x1a")
    first.expect("Stopped")
    first.expect("$ ")
    first.type("echo typed-")
    first.read(0.3)
    done = subprocess.run(tool(images, "dump", "-t", str(pid)), capture_output=True, text=True,
                          timeout=60, check=False)
    check(done.returncode != 0 and "--shell-job" in done.stdout + done.stderr +
          (system.read_text(os.path.join(images, "dump.log")) or ""),
          f"a dump without --shell-job: {done.stdout}{done.stderr}")
    dump(images, pid)
    first.close()

    second = Terminal(40, 132)
    tool_pid = second.start(tool(images, "restore", "--shell-job"))
    second.read(0.5)
    second.type("$kept-ahead\n")
    second.expect("typed-value-ahead")
    second.type("jobs; stty size\n")
    second.expect("sleep 2000")
    second.expect("40 132")
    second.type("fg %2\n")
    second.expect("sleep 2000")
    second.read(0.3)
    second.type("\x03")
    second.expect("$ ")
    second.type("kill %1; wait %1; echo done-$?; tty; exit 7\n")
    second.expect("done-143")
    second.expect(os.ttyname(second.slave))
    _, status = os.waitpid(tool_pid, 0)
    terminal.end(pid)
    second.close()
    return status


def check_job(images):
    """A program in the foreground of a shell that stays."""
    first = Terminal()
    shell = first.start(["bash", "--norc", "--noprofile", "--noediting", "-i"])
    first.expect("$ ")
    first.type("cat\n")
    first.type("one\n")
    first.expect("one\r\none")
    job = system.children(shell)[0]
    dump(images, job)
    first.expect("Killed")
    first.expect("$ ")
    first.type(f"{TOOL} restore -D {images} --shell-job; echo back-$((40+2))\n")
    first.read(0.5)
    first.type("two\n")
    first.expect("two\r\ntwo")
    first.type("\x04")
    first.expect("back-42")
    first.type("echo alive-$((1+1)); exit\n")
    first.expect("alive-2")
    os.waitpid(shell, 0)
    first.close()


BARE = """
exec </dev/null >said 2>&1
until [ -e go ]; do echo waiting; sleep 0.02; done
echo to-the-terminal >/dev/tty; stty size </dev/tty
"""


def check_bare(images):
    first = Terminal()
    pid = first.start(["bash", "--norc", "--noprofile", "-c", BARE])
    await_true("the program", lambda: "waiting" in (system.read_text("said") or ""))
    dump(images, pid)
    first.close()
    second = Terminal(40, 132)
    tool_pid = second.start(tool(images, "restore", "--shell-job"))
    with open("go", "w", encoding="ascii"):
        pass
    second.expect("to-the-terminal")
    _, status = os.waitpid(tool_pid, 0)
    check(status == 0, f"crtools ended with {status}")
    check(system.read_text("said").splitlines()[-1] == "40 132",
          f"it says {system.read_text('said')[-200:]}")
    second.close()


ASIDE = """
import os, signal, sys, time
sid = os.getsid(0)
def end(*_):
    print(f"session {os.getsid(0)} was {sid}", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("started", flush=True)
while True:
    time.sleep(1)
"""


def check_aside(images):
    """A program that leads a session of its own, without a terminal, and only writes to one."""
    first = Terminal()
    shell = first.start(["bash", "--norc", "--noprofile", "--noediting", "-i"])
    first.expect("$ ")
    pid = subprocess.Popen([sys.executable, "-I", "-S", "-c", ASIDE], start_new_session=True,
                           stdin=subprocess.DEVNULL, stdout=first.slave,
                           stderr=subprocess.STDOUT).pid
    first.expect("started")
    dump(images, pid)
    terminal.end(shell)
    first.close()
    second = Terminal(40, 132)
    tool_pid = second.start(tool(images, "restore", "--shell-job"))
    await_true("the restored program", lambda: system.process_state(pid) == "S")
    second.read(0.3)
    os.kill(pid, signal.SIGTERM)
    second.expect(f"session {pid} was {pid}")
    _, status = os.waitpid(tool_pid, 0)
    check(status == 0, f"crtools ended with {status}")
    second.close()


def main():
    system.become_subreaper()
    os.chdir(os.environ["TESTDIR"])
    with tempfile.TemporaryDirectory() as images:
        status = check_shell(images)
        check(status == 0, f"crtools ended with {status}")
    with tempfile.TemporaryDirectory() as images:
        check_job(images)
    with tempfile.TemporaryDirectory() as images:
        check_bare(images)
    with tempfile.TemporaryDirectory() as images:
        check_aside(images)


main()
