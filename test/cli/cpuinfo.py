#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# wl: areas cli-rpc
# wl: tier quick
"""cpuinfo: what is written is what CRIU writes, what is missing here is named, --cpu-cap
decides; a restore looks at it before it forks."""

import ctypes
import json
import mmap
import os
import signal
import subprocess

import dumped
from lib import system

CRTOOLS = dumped.TOOL
PEER = os.environ.get("PEER")
ABSENT = 9, 26, "avx512pf"  # word, bit: only Xeon Phi had it
EXTRA = 9, 3, "bmi1"
# No processor has all of them: MPX was gone before protection keys came to all.
SETS = (9, "protection keys"), (3, "MPX bounds"), (7, "AVX-512 Hi16_ZMM"), (19, "APX registers")


def run(*args, status=0):
    p = subprocess.run([CRTOOLS, "--no-default-config", "cpuinfo", *args], capture_output=True,
                       text=True, check=False)
    assert p.returncode == status, (args, p.returncode, p.stdout, p.stderr)
    return p.stdout, p.stderr


def objects(*args, status):
    result = json.loads(run(*args, "--json", status=status)[0])
    assert result["ok"] == (status == 0)
    return ([r["object"] for r in result["refusals"]], [w["object"] for w in result["warnings"]])


def brand():
    """The name as the processor gives it to programs: a guest's kernel may have been told another
    one, so /proc/cpuinfo is no witness."""
    code = bytes.fromhex("53 89f8 31c9 0fa2 8906 895e04 894e08 89560c 5b c3")  # cpuid, stored
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    where = ctypes.addressof(ctypes.c_char.from_buffer(page))
    cpuid = ctypes.CFUNCTYPE(None, ctypes.c_uint32, ctypes.c_void_p)(where)
    text = ctypes.create_string_buffer(48)
    for part in range(3):
        cpuid(0x80000002 + part, ctypes.addressof(text) + 16 * part)
    return text.value.decode().lstrip()


assert run("dump")[0] == ""
assert run("check") == ("The processor is compatible.\n", "")
assert run("check", "--cpu-cap=all")[1] == ""
mine = json.loads(subprocess.check_output([CRTOOLS, "show", "--json", "-f", "cpuinfo.img"]))
x86 = mine["entries"][0]["x86_entry"][0]
assert len(x86["capability"]) == 19 and x86["capability_ver"] == 2
with open("/proc/cpuinfo", encoding="utf-8") as f:
    facts = dict(map(str.strip, line.split(":", 1)) for line in f if ":" in line)
assert x86["cpu_family"] == int(facts["cpu family"]) and x86["model"] == int(facts["model"])
assert x86["stepping"] == int(facts["stepping"]) and x86["model_id"] == brand()

os.mkdir("empty")
assert "Error: " in run("check", "-D", "empty", status=1)[1]

if not PEER:
    print("CRIU is not here: only our own half was checked")
    raise SystemExit(77)
CRIT = os.path.join(os.path.dirname(PEER), "crit")


def encode(folder, data):
    os.makedirs(folder, exist_ok=True)
    subprocess.run([CRIT, "encode", "-o", f"{folder}/cpuinfo.img"], input=json.dumps(data),
                   text=True, check=True)


def changed(word, bit, present):
    data = json.loads(json.dumps(mine))
    words = data["entries"][0]["x86_entry"][0]["capability"]
    words[word] = words[word] | 1 << bit if present else words[word] & ~(1 << bit)
    return data


# The real one writes the same bytes, and accepts ours.
os.mkdir("peer")
subprocess.run([PEER, "cpuinfo", "dump", "-D", "peer"], check=True)
assert open("peer/cpuinfo.img", "rb").read() == open("cpuinfo.img", "rb").read()
subprocess.run([PEER, "cpuinfo", "check", "-D", "."], check=True)

# An instruction set that is missing here.
encode("lacks", changed(ABSENT[0], ABSENT[1], True))
name = "processor feature " + ABSENT[2]
assert objects("check", "-D", "lacks", status=1) == ([name], [])
assert objects("check", "-D", "lacks", "--cpu-cap=ins", status=1) == ([name], [])
assert objects("check", "-D", "lacks", "--cpu-cap=fpu", status=0) == ([], [name])
assert objects("check", "-D", "lacks", "--cpu-cap=none", status=0) == ([], [name])
assert name in run("check", "-D", "lacks", status=1)[1]

# One that only this processor has: nothing, unless all must be equal.
if x86["capability"][EXTRA[0]] >> EXTRA[1] & 1:
    encode("more", changed(EXTRA[0], EXTRA[1], False))
    assert objects("check", "-D", "more", status=0) == ([], [])
    assert objects("check", "-D", "more", "--cpu-cap=cpu", status=1) == (
        ["processor feature " + EXTRA[2]], [])

# A register set that is missing here.
part, name = next((bit, name) for bit, name in SETS if not x86["xfeatures_mask"] >> bit & 1)
data = json.loads(json.dumps(mine))
data["entries"][0]["x86_entry"][0]["xfeatures_mask"] |= 1 << part
encode("registers", data)
name = "register set " + name
assert objects("check", "-D", "registers", status=1) == ([name], [])
assert objects("check", "-D", "registers", "--cpu-cap=ins", status=0) == ([], [name])

# Another table, another architecture.
data = json.loads(json.dumps(mine))
data["entries"][0]["x86_entry"][0]["capability_ver"] = 1
encode("table", data)
assert "version 1 of the feature table" in run("check", "-D", "table", status=1)[1]
encode("ppc", {"magic": "CPUINFO", "entries": [
    {"ppc64_entry": [{"endian": "LITTLEENDIAN", "hwcap": [1, 2]}]}]})
assert "another architecture" in run("check", "-D", "ppc", status=1)[1]

# A tree that was dumped with its processor described is restored only where that can run it.
system.become_subreaper()
tree = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, start_new_session=True)
os.mkdir("tree")
subprocess.run([CRTOOLS, "dump", "-t", str(tree.pid), "-D", "tree", "--cpu-cap=all"], check=True)
tree.wait()
assert open("tree/cpuinfo.img", "rb").read() == open("cpuinfo.img", "rb").read()
encode("tree", changed(ABSENT[0], ABSENT[1], True))
RESTORE = [CRTOOLS, "restore", "-d", "-D", "tree"]
for words, refused in (([], True), (["--cpu-cap=ins"], True), (["--cpu-cap=fpu"], False),
                       (["--cpu-cap=none"], False)):
    p = subprocess.run(RESTORE + words, capture_output=True, text=True, check=False)
    assert ("processor feature " + ABSENT[2] in p.stderr) or words == ["--cpu-cap=none"], p
    assert p.returncode == (1 if refused else 0), p
    assert os.path.exists(f"/proc/{tree.pid}") != refused, words
    if not refused:
        os.kill(tree.pid, signal.SIGKILL)
        assert system.wait_child(tree.pid, 20) is not None
