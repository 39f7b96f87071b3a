#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# wl: needs root
# wl: timeout 300
"""Every image that we write means the same to CRIU's own decoder as to us: workloads of each kind
are dumped, and `crtools show --json` has to give what pycriu decodes, value by value."""

import json
import os
import subprocess
import sys
import time

CRTOOLS, PEER, WORKLOADS = (os.environ[name] for name in ("CRTOOLS", "PEER", "WORKLOADS"))

# Between them they fill every kind of image that a plain tree can have.
NAMES = (
    "task/sessions", "task/zombies", "task/rlimits", "task/ids", "threads/ids", "threads/tls",
    "signals/pending", "signals/handlers", "timers/posix_kinds", "timers/itimers_left",
    "memory/protections", "memory/file_private", "memory/mlock", "shm/anon_shared",
    "shm/memfd_sealed", "files/flags_directory", "files/tmpfile_flags", "files/cwd_deleted",
    "files/sharing_odd", "files/ghost_links", "files/link_remap", "pipes/fifo_full",
    "pipes/spread_ends",
)

# Run by the peer's python: decodes the images of all folders in one go, since it takes as long to
# start as for all of them.
DECODE = """
import json, os, sys, pycriu
found = {}
for folder in sys.argv[1:]:
    found[folder] = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".img") and not name.startswith(("pages-", "crtools-")):
            with open(os.path.join(folder, name), "rb") as f:
                found[folder][name] = pycriu.images.load(f, True)
json.dump(found, sys.stdout)
"""


def skip(reason):
    print(reason)
    sys.exit(77)


def start(name):
    os.mkdir("cwd-" + name.replace("/", "-"))
    cwd = os.path.abspath("cwd-" + name.replace("/", "-"))
    with open(cwd + ".log", "ab") as log:
        process = subprocess.Popen([os.path.join(WORKLOADS, name)], cwd=cwd, stdout=log,
                                   stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 20
    while not os.path.exists(cwd + "/ready"):
        assert process.poll() is None and time.monotonic() < deadline, f"{name} got not ready"
        time.sleep(0.005)
    return process


def dump(name):
    images = os.path.abspath("images-" + name.replace("/", "-"))
    os.mkdir(images)
    process = start(name)
    done = subprocess.run([CRTOOLS, "dump", "-t", str(process.pid), "-D", images, "--link-remap",
                           "-o", "dump.log"], capture_output=True, text=True, check=False)
    process.kill()
    process.wait()
    assert done.returncode == 0, f"{name}: dump failed: {done.stdout}{done.stderr}"
    return images


def theirs(folders):
    python = os.path.join(os.path.dirname(PEER), "python")
    done = subprocess.run([python, "-c", DECODE, *folders], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"pycriu can't decode: {done.stderr}"
    return json.loads(done.stdout)


def ours(path):
    done = subprocess.run([CRTOOLS, "show", "-f", path, "--json"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, f"show -f {path}: {done.stderr}"
    return json.loads(done.stdout)


def main():
    if not PEER:
        skip("no CRIU to compare with")
    images_seen = 0
    missing = [name for name in NAMES if not os.path.exists(os.path.join(WORKLOADS, name))]
    assert not missing, f"no such workloads: {missing}"
    folders = {dump(name): name for name in NAMES}
    for images, found in theirs(folders).items():
        name = folders[images]
        assert found, f"{name}: no image"
        for image, wanted in found.items():
            got = ours(os.path.join(images, image))
            assert got == wanted, f"{name}: {image}:\nours   {got}\ntheirs {wanted}"
            images_seen += 1
    print(f"{images_seen} images of {len(NAMES)} workloads")


if __name__ == "__main__":
    main()
