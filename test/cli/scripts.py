#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Action scripts: which stages there are, in which order, and what each finds in its environment.
A script that fails stops the dump or the restore, and the tree is as it was before.

wl: needs root
wl: areas cli-rpc"""

import os

import dumped

DUMP = ["pre-dump", "network-lock", "post-dump"]
RESTORE = ["pre-restore", "setup-namespaces", "post-setup-namespaces", "post-restore",
           "network-unlock", "pre-resume", "post-resume"]
SCRIPT = """#!/bin/sh
echo "$CRTOOLS_SCRIPT_ACTION|$CRTOOLS_INIT_PID|$(readlink "$CRTOOLS_IMAGE_DIR")" >> {calls}
[ "$CRTOOLS_SCRIPT_ACTION" != "$(cat {fails})" ]
"""


def main():
    dumped.begin()
    calls, fails, script = (os.path.abspath(n) for n in ("calls", "fails", "script"))

    def called():
        with open(calls, encoding="utf-8") as f:
            found = [line.rstrip("\n").split("|") for line in f]
        os.unlink(calls)
        return found

    def set_failing(stage):
        with open(fails, "w", encoding="utf-8") as f:
            f.write(stage)

    with open(script, "w", encoding="utf-8") as f:
        f.write(SCRIPT.format(calls=calls, fails=fails))
    os.chmod(script, 0o755)
    set_failing("none")
    tree = dumped.Tree(["/bin/sleep", "1000"])
    option = ["--action-script", script]

    for stage in DUMP:
        set_failing(stage)
        dumped.check(not tree.dump(*option), f"a failing script at {stage} was overlooked")
        found = [c[0] for c in called()]
        dumped.check(found[:DUMP.index(stage) + 1] == DUMP[:DUMP.index(stage) + 1],
                     f"failing at {stage}: {found}")
        with open(f"/proc/{tree.pid}/stat", encoding="ascii") as f:
            dumped.check(f.read().split()[2] == "S", f"after {stage} failed it does not go on")

    set_failing("none")
    tree.must_dump(*option)
    for stage, pid, images in called() + [["end", "", ""]]:
        dumped.check(stage == (DUMP + ["end"])[0], f"stage {stage} instead of {DUMP[:1]}")
        if stage != "end":
            DUMP.pop(0)
            dumped.check(pid == str(tree.pid), f"{stage}: root {pid}, not {tree.pid}")
            dumped.check(images == tree.images, f"{stage}: images in {images}")

    for stage in RESTORE[:-1]:
        set_failing(stage)
        dumped.check(not tree.restore(*option), f"a failing script at {stage} was overlooked")
        found = [c[0] for c in called()]
        dumped.check(found == RESTORE[:RESTORE.index(stage) + 1], f"failing at {stage}: {found}")
        tree.check_gone()

    set_failing("none")
    tree.must_restore(*option)
    found = called()
    dumped.check([c[0] for c in found] == RESTORE, f"stages of the restore: {found}")
    for stage, pid, images in found:
        dumped.check(pid == ("" if stage == "pre-restore" else str(tree.pid)),
                     f"{stage}: root '{pid}', not {tree.pid}")
        dumped.check(images == tree.images, f"{stage}: images in {images}")
    tree.finish()


main()
