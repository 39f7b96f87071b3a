#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# wl: areas cli-rpc
# wl: tier quick
"""What a person or a script meets first: version, help, exit statuses, messages, log, JSON."""

import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))

from lib import needs  # noqa: E402

CRTOOLS = os.environ["CRTOOLS"]
ENV = {"PATH": os.environ["PATH"], "HOME": os.getcwd()}


def run(*args, status=0, **env):
    p = subprocess.run([CRTOOLS, *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       env={**ENV, **env})
    assert p.returncode == status, (args, p.returncode, p.stdout, p.stderr)
    return p.stdout, p.stderr


# LXC reads "Version: " and what follows on the first line, and "GitID: " if it stands there.
for option in ("--version", "-V"):
    out, err = run(option)
    lines = out.splitlines()
    assert re.fullmatch(r"Version: 4\.\d+(\.\d+)?", lines[0]), out
    assert re.fullmatch(r"crtools \d+\.\d+\.\d+", lines[1]), out
    assert "GitID" not in out and err == ""

out, err = run("--help")
assert err == ""
verbs = re.findall(r"^  ([a-z]+) {2,}", out, re.M)
assert verbs == ["dump", "restore", "check", "show", "exec", "cpuinfo", "clean"], verbs
for verb in verbs:
    out, err = run(verb, "--help")
    assert out.startswith(f"Usage: crtools {verb}") and err == "", out
    assert max(map(len, out.splitlines())) <= 100, verb
assert "--leave-running" in run("dump", "-h")[0]
assert "--leave-running" not in run("restore", "-h")[0]

# An option that nothing reads yet is not advertised as one that works.
out, _ = run("dump", "--help")
works, _, accepted = out.partition("Accepted, for trees that this version refuses")
assert "--skip-mnt" not in works and "--skip-mnt" in accepted, out
for option in ("]link-remap", "]file-locks", "ext-unix-sk"):
    assert option in works and option.strip("]") not in accepted, out

out, err = run(status=1)
assert out == "" and "a command is required" in err and "Usage: crtools COMMAND" in err

for args, text in [
    (["dmup"], "the nearest one is dump"),
    (["dump", "--lave-running"], "the nearest one is --leave-running"),
    (["dump"], "dump needs a process"),
    (["dump", "-t", "1", "more"], "excessive parameter more"),
    (["pre-dump", "-t", "1"], "can't do yet"),
    (["dump", "-t", "1", "-D", "nowhere"], "the images directory nowhere can't be opened"),
    (["dump", "-t", "1", "-W", "nowhere"], "work directory nowhere"),
    (["restore", "-o", "no/dir/log"], "log file no/dir/log"),
]:
    out, err = run(*args, status=1)
    assert out == "" and text in err, (args, err)
    assert err.count("Error: ") == 1, err

# Each verb's status for a command line that is wrong, and for one that can't begin, is the one that
# its page and its help have: exec has one of its own, as 1 says there that a call failed.
for verb in verbs:
    wrong = 2 if verb == "exec" else 1
    for args in ([verb, "--no-such-option"], [verb, "--timeout", "x"], [verb, "-o", "no/dir/log"]):
        words = [*args, *{"dump": ["-t", "1"], "exec": ["-t", "1", "getpid"],
                          "cpuinfo": ["check"]}.get(verb, [])]
        out, err = run(*words, status=wrong)
        assert out == "" and err.count("Error: ") == 1, (words, out, err)
    page = open(os.path.join(os.environ["SOURCE"], f"doc/man/crtools-{verb}.1.in"),
                encoding="utf-8").read().partition(".SH EXIT STATUS")[2].partition(".SH")[0]
    told = dict(re.findall(r"^\.B (\w+)\n(.*)$", page, re.M))
    assert set(told) == {"0", "1", *{"exec": "2", "dump": "N"}.get(verb, "")}, (verb, told)
    if verb not in ("dump", "restore"):  # whose 1 says that nothing was done, for whatever reason
        assert "command line could not be understood" in told[str(wrong)], (verb, told)
assert "exit status is 0 if all calls succeeded, 1 if one failed, 2 if they could not be made" in \
    " ".join(run("exec", "--help")[0].split())
for args in ([], ["getpid"], ["-t", "1"], ["-t", "1", "no-such-call"], ["-t", "0", "getpid"],
             ["-t", "4194303", "getpid"]):
    run("exec", *args, status=2)
p = subprocess.run([CRTOOLS, "exec", "--help"], stdout=open("/dev/full", "w", encoding="utf-8"),
                   env=ENV, check=False)
assert p.returncode == 2, p.returncode

# No images there: the message has the folder's path, also where none was named.
for args in (["show"], ["restore"], ["show", "-D", "."]):
    out, err = run(*args, status=1)
    assert f"no images of a tree in {os.getcwd()}: no inventory.img" in err, err
os.mkdir("half")
for name in ("pstree.img", "core-1.img"):
    open(f"half/{name}", "w", encoding="utf-8").close()
out, err = run("restore", "-D", "half", status=1)
assert "half are not whole: the last one, inventory.img, is missing" in err, err

# What a dump judges by is for check -t, too: in its help, and without a word of having no effect.
out, _ = run("check", "--help")
for option in ("leave-running", "freeze-cgroup", "ghost-limit", "]link-remap", "]shell-job",
               "]file-locks", "external", "]tcp-established", "ext-unix-sk"):
    assert option in out, (option, out)
p = subprocess.run([CRTOOLS, "check", "-t", "4194303", "--shell-job", "-l", "--tcp-established"],
                   capture_output=True, text=True, env=ENV, check=False)
assert "no effect" not in p.stderr and "there is no process" in p.stderr, p.stderr

# The same as JSON: one object on standard output, nothing else anywhere.
out, err = run("--json", "dump", "--no-such-option", status=1)
result = json.loads(out)
assert result["ok"] is False and result["error"]["id"] == "usage" and err == "", (out, err)
out, err = run("restore", "-D", "nowhere", "--json", status=1)
result = json.loads(out)
assert result["error"]["id"] == "image-missing" and result["error"]["errno"] == 2, out
assert result["refusals"] == [] and result["warnings"] == []

# An empty directory: the log has the error too, by the name that was asked for, below the work
# directory; standard output is left alone.
os.mkdir("img")
os.mkdir("work")
out, err = run("restore", "-D", "img", "-W", "work", "-o", "r.log", "-v4", status=1)
assert out == "" and "Error: " in err
log = open("work/r.log", encoding="utf-8").read()
assert re.search(r"^\(\d\d\.\d{6}\) Error: ", log, re.M), log
out, err = run("restore", "-D", "img", "-o", "-", status=1)
assert "Error: " in out
run("restore", "-D", "img", "-o", "p.log", "--log-pid", status=1)
assert [n for n in os.listdir("img") if re.fullmatch(r"p\.log\.\d+", n)], os.listdir("img")

# What has no effect is said once, and only for what the person typed.
os.mkdir(".crtools")
with open(".crtools/default.conf", "w", encoding="utf-8") as f:
    f.write("ghost-limit 2M\nlog-file from-config.log # a comment\n")
out, err = run("restore", "-D", "img", "--leave-running", "-v2", status=1)
log = open("img/from-config.log", encoding="utf-8").read()
assert "--leave-running has no effect with restore" in log and "ghost-limit" not in log, log
with open(".crtools/default.conf", "w", encoding="utf-8") as f:
    f.write("log-file \"unclosed\n")
out, err = run("restore", "-D", "img", status=1)
assert ".crtools/default.conf:1: the closing quote is missing" in err, err
run("restore", "-D", "img", "--no-default-config", status=1)
os.unlink(".crtools/default.conf")

# A closed descriptor, a full device: no crash, a status.
p = subprocess.run([CRTOOLS, "--help"], stdout=open("/dev/full", "w", encoding="utf-8"), env=ENV,
                   check=False)
assert p.returncode == 1, p.returncode
r, w = os.pipe()
os.set_inheritable(w, True)
p = subprocess.Popen([CRTOOLS, "check", "--close", str(w)], close_fds=False, env=ENV,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.close(w)
assert os.read(r, 1) == b""
p.wait()

# What the kernel and the privileges allow: all of it, with the loss and the cure of what is
# missing; the verdict stays the last line of the output, for scripts.
p = subprocess.run([CRTOOLS, "check", "--all"], stdin=subprocess.DEVNULL, capture_output=True,
                   text=True, env=ENV, check=False)
lines = p.stdout.splitlines()
answers = dict(re.findall(r"^[a-z]+ +([\w-]+) +(yes|no)$", p.stdout, re.M))
known = json.loads(subprocess.run([CRTOOLS, "check", "--all", "--json"], capture_output=True,
                                  text=True, env=ENV, check=False).stdout)["features"]
assert answers == {f["name"]: "yes" if f["supported"] else "no" for f in known}, p.stdout
for feature in known:
    assert feature["supported"] or f"without it: {feature['lost']}" in p.stdout, feature
assert lines[-1].startswith("Looks good") or "Does not look good" in p.stderr, (lines, p.stderr)
assert "is missing" not in p.stderr, p.stderr

# Not by what the kernel was built with: what it runs.
with open("32bit", "wb") as f:
    f.write(needs.smallest_32bit())
os.chmod("32bit", 0o755)
try:
    runs = subprocess.run(["./32bit"], check=False).returncode == 0
except OSError:
    runs = False
machine = os.uname().machine
assert answers["compat_cr"] == ("yes" if runs and machine == "x86_64" else "no"), answers
lacks = [f for f in known if not f["supported"] and f["category"] in ("extra", "experimental")]
if lacks and lines[-1].startswith("Looks good"):
    assert f"but {len(lacks)} of the extra and experimental features" in lines[-1], lines[-1]
out, err = run("check", "--feature", "uffdx", status=1)
assert "no feature called uffdx; the nearest one is uffd;" in err, err
