#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Action scripts: which stages there are, in which order, and what each finds in its environment.
A script that fails stops the dump or the restore, and the tree is as it was before; so does one
that takes longer than --timeout.

wl: needs root
wl: areas cli-rpc"""

import os
import time

import dumped

DUMP = ["pre-dump", "network-lock", "post-dump"]
RESTORE = ["pre-restore", "setup-namespaces", "post-setup-namespaces", "post-restore",
           "network-unlock", "pre-resume", "post-resume"]
SCRIPT = """#!/bin/sh
[ "$CRTOOLS_SCRIPT_ACTION" = "$(cat {hangs} 2>/dev/null)" ] && {{ sleep 98765 & wait; }}
echo "$CRTOOLS_SCRIPT_ACTION|$CRTOOLS_INIT_PID|$(readlink "$CRTOOLS_IMAGE_DIR")" >> {calls}
[ "$CRTOOLS_SCRIPT_ACTION" != "$(cat {fails})" ]
"""


def sleepers():
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and "98765" in
            (dumped.system.read_text(f"/proc/{pid}/cmdline") or "") and dumped.system.exists(pid)]


def main():
    dumped.begin()
    calls, fails, hangs, script = (os.path.abspath(n) for n in
                                   ("calls", "fails", "hangs", "script"))

    def called():
        with open(calls, encoding="utf-8") as f:
            found = [line.rstrip("\n").split("|") for line in f]
        os.unlink(calls)
        return found

    def set_failing(stage):
        with open(fails, "w", encoding="utf-8") as f:
            f.write(stage)

    def given_up(verb, stage):
        """Its script does not end; with --timeout it is killed, with what it has started."""
        with open(hangs, "w", encoding="utf-8") as f:
            f.write(stage)
        began = time.monotonic()
        said = verb(*option, "--timeout", "2")
        took = time.monotonic() - began
        dumped.check(not said and 2 <= took < 12, f"{stage}: {said.good} after {took:.1f} s")
        dumped.check(f"{script} has run for 2 s at stage {stage}, and was killed" in said.text,
                     f"{stage}: {said.text}")
        dumped.check(not sleepers(), f"what the script at {stage} has started is left")
        os.unlink(hangs)

    with open(script, "w", encoding="utf-8") as f:
        f.write(SCRIPT.format(calls=calls, fails=fails, hangs=hangs))
    os.chmod(script, 0o755)
    set_failing("none")
    tree = dumped.Tree(["/bin/sleep", "1000"])
    # By a path from here, though they are called in the work directory.
    option = ["--action-script", "./script"]

    for stage in DUMP:
        set_failing(stage)
        dumped.check(not tree.dump(*option), f"a failing script at {stage} was overlooked")
        found = [c[0] for c in called()]
        dumped.check(found[:DUMP.index(stage) + 1] == DUMP[:DUMP.index(stage) + 1],
                     f"failing at {stage}: {found}")
        dumped.await_true(f"going on after {stage} failed",
                          lambda: dumped.system.process_state(tree.pid) == "S")

    set_failing("none")
    for stage in DUMP:
        given_up(tree.dump, stage)
        dumped.await_true(f"going on after {stage} hung",
                          lambda: dumped.system.process_state(tree.pid) == "S")
        dumped.check(dumped.system.read_text(f"/proc/{tree.pid}/status").count("TracerPid:\t0\n"),
                     f"after {stage} hung it is traced")
    called()

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
    for stage in RESTORE[:-1]:
        given_up(tree.restore, stage)
        tree.check_gone()
    called()

    tree.must_restore(*option)
    found = called()
    dumped.check([c[0] for c in found] == RESTORE, f"stages of the restore: {found}")
    for stage, pid, images in found:
        dumped.check(pid == ("" if stage == "pre-restore" else str(tree.pid)),
                     f"{stage}: root '{pid}', not {tree.pid}")
        dumped.check(images == tree.images, f"{stage}: images in {images}")
    tree.finish()


main()
