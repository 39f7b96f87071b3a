#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# wl: areas images
# wl: tier quick
"""show on image sets that CRIU wrote: the tree, one task, one image, as text and as JSON; and on
sets that are damaged."""

import glob
import json
import os
import subprocess
import tarfile

CRTOOLS = os.environ["CRTOOLS"]
GOLDEN = os.path.join(os.environ["SOURCE"], "test/golden")


def run(*args, status=0):
    p = subprocess.run([CRTOOLS, "--no-default-config", "show", *args], capture_output=True,
                       text=True, check=False)
    assert p.returncode == status, (args, p.returncode, p.stdout, p.stderr)
    return p.stdout, p.stderr


def load(name, kind):
    with open(f"{GOLDEN}/{name}/json/{kind}.json", encoding="utf-8") as f:
        return json.load(f)["entries"]


names = sorted(os.path.basename(os.path.dirname(p)) for p in glob.glob(GOLDEN + "/*/images.tar.xz"))
assert len(names) >= 4, names
for name in names:
    with tarfile.open(f"{GOLDEN}/{name}/images.tar.xz") as tar:
        tar.extractall(name)
    out, err = run("-D", name)
    assert err == "" and "\033" not in out
    result = json.loads(run("-D", name, "--json")[0])
    tree = load(name, "pstree")
    assert [t["pid"] for t in result["tasks"]] == [e["pid"] for e in tree]
    for task, entry in zip(result["tasks"], tree):
        assert task["threads"] == entry["threads"] and task["sid"] == entry["sid"]
        core = load(name, f"core-{entry['pid']}")[0]
        assert task["command"] == core["tc"]["comm"]
        line = [x for x in out.splitlines() if f"{task['pid']} {task['command']}" in x]
        assert len(line) == 1 and task["state"] in line[0], (task, line)
        mm = f"{GOLDEN}/{name}/json/mm-{entry['pid']}.json"
        if os.path.exists(mm):
            vmas = load(name, f"mm-{entry['pid']}")[0]["vmas"]
            assert task["mapped"] == sum(int(v["end"], 16) - int(v["start"], 16) for v in vmas)
            detail = json.loads(run("-D", name, "-t", str(task["pid"]), "--json")[0])["tasks"]
            assert len(detail) == 1 and len(detail[0]["mappings"]) == len(vmas)
            assert "Mappings" in run("-D", name, "-t", str(task["pid"]))[0]
        else:
            assert task["state"] == "zombie"
    on_disk = sum(os.path.getsize(os.path.join(name, i["name"])) for i in result["images"])
    assert result["image_bytes"] == on_disk
    pages = sum(os.path.getsize(p) for p in glob.glob(name + "/pages-*.img"))
    assert result["page_bytes"] == pages
    assert sum(t["dumped"] for t in result["tasks"]) + result["shared_dumped"] == pages

# What the descriptors of a task are said to be.
tasks = json.loads(run("-D", "family", "--json")[0])["tasks"]
what = {d["fd"]: d for d in tasks[0]["descriptors"]}
assert what[3]["what"].endswith("deleted (deleted, kept in the images)"), what[3]
assert what[10]["what"] == what[11]["what"] and what[10]["what"].startswith("pipe:["), what[10]
assert (what[10]["access"], what[11]["access"]) == ("r", "w")
assert what[5]["close_on_exec"] and not what[3]["close_on_exec"]

# One image: JSON as crit prints it; text for people; the name may stand alone.
with open(f"{GOLDEN}/simple/json/pstree.json", encoding="utf-8") as f:
    expected = f.read()
assert json.loads(run("-f", "simple/pstree.img", "--json")[0]) == json.loads(expected)
assert run("simple/pstree.img")[0] == run("-f", "simple/pstree.img")[0] != ""
assert run("-D", "simple", "-f", "pstree.img")[0] == run("-f", "simple/pstree.img")[0]
assert run("-D", "family", "simple/pstree.img")[0] == run("-f", "simple/pstree.img")[0]

# Trouble: a task that is not there, a directory without images, a damaged set.
assert "no task 99999 in the images" in run("-D", "simple", "-t", "99999", status=1)[1]
os.mkdir("empty")
assert "Error: " in run("-D", "empty", status=1)[1]
assert "Error: " in run("-f", "nowhere.img", status=1)[1]
with open("simple/pstree.img", "r+b") as f:
    f.truncate(os.path.getsize("simple/pstree.img") - 1)
out, err = run("-D", "simple", "--json", status=1)
assert json.loads(out)["error"]["image"] == "pstree.img", out
