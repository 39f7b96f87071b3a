#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A tree with as many descriptors as the tool's hard limit allows: check -t and the dump tell what
a restore will lack, the restore is refused before it forks, and works under a higher limit.

wl: needs root
wl: areas files"""

import os
import resource
import subprocess

import dumped

LIMIT = 256
PROGRAM = f"""
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, ({LIMIT}, {LIMIT}))
for number in range(3, {LIMIT}):
    assert os.open("/dev/null" if number % 2 else "/etc/passwd", os.O_RDONLY) == number
os.mkdir("ready")
time.sleep(1000)
"""
WARNING = f"descriptor numbers: {LIMIT} of the {LIMIT} below crtools' hard limit"


def limited(verb, *words):
    return subprocess.run(
        [dumped.TOOL, verb, *words], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (LIMIT, LIMIT)))


dumped.begin()
tree = dumped.python(PROGRAM)
dumped.await_true("the program", lambda: os.path.isdir("ready"))
done = limited("check", "-t", str(tree.pid))
dumped.check(WARNING in done.stdout + done.stderr, f"check -t: {done}")
os.mkdir("images")
done = limited("dump", "-R", "-t", str(tree.pid), "-D", "images")
dumped.check(done.returncode == 0 and WARNING in done.stderr, f"the dump: {done}")
tree.must_dump()
done = limited("restore", "-d", "-D", tree.images)
dumped.check(done.returncode == 1 and f"below {LIMIT} is left" in done.stderr, f"restore: {done}")
tree.check_gone()
tree.must_restore()
dumped.check(len(os.listdir(f"/proc/{tree.pid}/fd")) == LIMIT, "descriptors are missing")
