#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A set without its manifest, as one that was edited: our own images beside it don't count, and the
restore says so; with the manifest they do, and it says nothing.

wl: needs root
wl: areas images"""

import os

import dumped

TEXT = "images of crtools' own (crtools-*.img): are not used"


def slack(pid):
    return int(open(f"/proc/{pid}/timerslack_ns", encoding="ascii").read())


dumped.begin()
tree = dumped.Tree(["sleep", "1000"])
dumped.await_true("the program", lambda: "sleep" in os.readlink(f"/proc/{tree.pid}/exe"))
with open(f"/proc/{tree.pid}/timerslack_ns", "w", encoding="ascii") as f:
    f.write("77777")
tree.must_dump()
done = tree.restore()
dumped.check(done and TEXT not in done.text, f"a whole set: {done.text[-2000:]}")
dumped.check(slack(tree.pid) == 77777, "the timer slack has changed")
tree.must_dump()
os.unlink(f"{tree.images}/crtools-manifest.img")
done = tree.restore()
dumped.check(done and TEXT in done.text, f"a set without a manifest: {done.text[-2000:]}")
dumped.check(slack(tree.pid) != 77777, "the set's own images were used")
