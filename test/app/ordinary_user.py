#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of an ordinary user: python with threads, a child and a temporary file; a pipeline of
bash, awk and sort; perl. Dumped and restored by root without CAP_SYS_RESOURCE, and by a tool that
is the user's too and has nothing but CAP_CHECKPOINT_RESTORE and CAP_SYS_PTRACE.

wl: needs root program:perl program:setpriv
wl: areas creds memory files pipes threads
wl: idle"""

import os
import stat
import subprocess

import cycles
from cycles import check, dumped, system

UID = 43210
CAPS = ("checkpoint_restore", "sys_ptrace")

PYTHON = r"""
import mmap, os, subprocess, sys, tempfile, threading, time
pause = float(sys.argv[1])
child = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
scratch = tempfile.TemporaryFile(dir=".")
shared = mmap.mmap(-1, 1 << 16)
turn = threading.Condition()
done = 0
def work(start):
    global done
    value = start
    for step in range(400):
        value = (value * 1103515245 + 12345) % (1 << 31)
        with turn:
            while done % 4 != start:
                turn.wait()
            scratch.write(b"%d\n" % value)
            scratch.flush()
            shared[step % len(shared)] = value % 256
            child.stdin.write(b"%d %d\n" % (start, value))
            child.stdin.flush()
            print(child.stdout.readline().decode().strip(), os.fstat(scratch.fileno()).st_size,
                  sum(shared[:400]), flush=True)
            done += 1
            turn.notify_all()
        time.sleep(pause)
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
for t in threads: t.start()
for t in threads: t.join()
child.stdin.close()
sys.exit(child.wait())
"""

BASH = r"""
pause=$1; exec 3> >(cat > side) 4<> <(:); trap 'echo hup' HUP
total=0; declare -A seen
while read -r a b; do
	total=$(((total * 31 + a + b) % 1000003)); seen[$((total % 97))]=$b
	echo "$a $total ${#seen[@]}"; echo "$total" >&3
	if [ "$pause" = 0 ]; then :
	elif ((a % 20)); then read -rt "$pause" -u 4
	else read -rt "$pause" < <(sleep 1)
	fi
done < <(seq 1 600 | awk '{ print $1, $1 * 7 % 13; fflush() }' | sort -s -k2,2n)
exec 3>&-
umask; ulimit -n; id -u
"""

PERL = r"""
my $pause = shift; $| = 1;
open my $gone, '+>', "gone" or die; unlink "gone";
pipe(my $read, my $write); my %h;
if (!fork) {
	close $write;
	my $s = 0;
	while (<$read>) { $s = ($s * 33 + $_) % 1000003 }
	print "child $s\n";
	exit;
}
close $read; select((select($write), $| = 1)[0]);
for my $step (1 .. 800) {
	$h{$step * 7919 % 1009} .= chr(65 + $step % 26);
	print $write "$step\n"; print $gone "$step\n";
	my $line = join ',', map { "$_$h{$_}" } (sort { $a <=> $b } keys %h)[0 .. 3 < keys %h ? 3 : 0];
	print "$step ", tell($gone), " $line\n";
	select undef, undef, undef, $pause if $pause;
}
close $write; wait; die if $?;
"""

PROGRAMS = (("program.py", PYTHON, "/usr/bin/python3", "0.01"),
            ("program.sh", BASH, "/bin/bash", "0.01"),
            ("program.pl", PERL, "/usr/bin/perl", "0.01"))


class Users(cycles.App):
    """A tree of the user's; with own, the tool is the user's as well."""

    own = False

    def _command(self, verb, words, pass_fds=()):
        def prepare():
            if self.own:
                system.ordinary_user(UID, CAPS)

        if self.own:
            os.chown(self.images, UID, UID)
        log = os.path.join(self.images, f"{verb}-{self.number}.log")
        done = subprocess.run([dumped.TOOL, verb, "-D", self.images, "-o", log, "-v4", *words],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=120,
                              stderr=subprocess.STDOUT, text=True, pass_fds=pass_fds,
                              preexec_fn=prepare)
        return dumped.Said(done.returncode == 0, done.stdout + (system.read_text(log) or ""))


def user(*argv):
    return ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps=-all",
            *argv]


def one(name, text, interpreter, pause, own):
    folder = os.path.join(os.environ["TESTDIR"], f"{name}-{'own' if own else 'root'}")
    os.mkdir(folder)
    os.chown(folder, UID, UID)
    os.chdir(folder)
    with open(name, "w", encoding="ascii") as f:
        f.write(text)
    expected = cycles.run(user(interpreter, name, "0"))
    with open("log", "wb"):
        os.chown("log", UID, UID)
    app = Users(user(interpreter, name, pause), total=len(expected))
    app.own = own
    app.cycles()
    app.wait()
    with open(app.log, "rb") as log:
        have = log.read()
    check(have == expected, f"{folder}: {len(have)} bytes of output are not the {len(expected)} "
                            f"expected; at the end:\n{have[-300:]}\n{expected[-300:]}")


def unreachable():
    """Files that the tool may not open: the restore names all of them before it forks anything."""
    folder = os.path.join(os.environ["TESTDIR"], "unreachable")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    os.chdir(folder)
    with open("secret", "w", encoding="ascii") as f:
        f.write("secret")
    os.mkdir("closed")
    with open("closed/file", "w", encoding="ascii") as f:
        f.write("of a folder that is closed later")
    app = Users(user("/bin/bash", "-c", "exec 5<secret 6<closed/file; sleep 60 & wait"))
    app.own = True
    dumped.await_true("the start of the program", lambda: system.descendants(app.pid) and (
        system.read_text(f"/proc/{app.pid}/comm") or "").startswith("bash"))
    dumped.await_true("the start of its child", lambda: (
        system.read_text(f"/proc/{system.descendants(app.pid)[0]}/comm") or "").startswith("sleep"))
    os.chmod("closed", 0o700)
    said = app.dump()
    check(not said and "leads through a folder that crtools may not search" in said.text,
          f"the dump was to fail for a folder:\n{said.text[-2000:]}")
    os.chmod("closed", 0o755)
    app.must_dump()
    os.chmod("secret", 0o600)
    said = app.restore()
    named = [f"file {folder}/log: can't be opened for writing: Permission denied",
             f"file {folder}/secret: can't be opened for reading: Permission denied"]
    check(not said and all(name in said.text for name in named),
          f"it was to fail for its log and its input:\n{said.text[-2000:]}")
    check("restore-fork" not in said.text, f"it has forked:\n{said.text[-3000:]}")
    app.check_gone()


def niced():
    """A nice value below the tool's own, which takes CAP_SYS_NICE: refused before the fork."""
    folder = os.path.join(os.environ["TESTDIR"], "niced")
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    os.chdir(folder)
    app = Users(["nice", "-n", "-5", *user("/bin/sleep", "60")])
    app.own = True
    dumped.await_true("the start of the program", lambda: (
        system.read_text(f"/proc/{app.pid}/comm") or "").startswith("sleep"))
    os.chmod("log", 0o666)
    app.must_dump()
    said = app.restore()
    check(not said and f"nice value of thread {app.pid}: is -5; crtools has 0" in said.text,
          f"it was to fail for its nice value:\n{said.text[-2000:]}")
    check("restore-fork" not in said.text, f"it has forked:\n{said.text[-3000:]}")
    app.check_gone()


def main():
    cycles.begin()
    path = os.environ["TESTDIR"]
    while path != "/":  # the user has to come to it
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o111)
        path = os.path.dirname(path)
    unreachable()
    niced()
    for own in (False, True):
        for program in PROGRAMS:
            one(*program, own)


main()
