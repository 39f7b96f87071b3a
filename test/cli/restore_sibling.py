#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--restore-sibling makes the restored root a child of the tool's caller, who then can wait for it
as for any other: it learns its exit status, and gets SIGCHLD. Without it the caller has no such
child. The caller is no subreaper, to which the tree would come in any case.

wl: needs root
wl: areas task cli-rpc"""

import os
import signal

import dumped

PROGRAM = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
sys.exit(42)
"""


def call(tree, sibling):
    """In a process of its own: restores, ends the program and waits for it. What it has seen."""
    reading, writing = os.pipe()
    caller = os.fork()
    if caller == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        said = tree.restore(*["--restore-sibling"] * sibling)
        signal.sigtimedwait([signal.SIGCHLD], 0)  # the tool's
        os.kill(tree.pid, signal.SIGTERM)
        if not said:
            seen = said.text[-2000:]
        elif sibling:
            heard = signal.sigtimedwait([signal.SIGCHLD], 20)
            status = os.waitpid(tree.pid, 0)[1]
            seen = f"{heard and heard.si_pid == tree.pid} {os.waitstatus_to_exitcode(status)}"
        else:
            try:
                seen = str(os.waitpid(tree.pid, 0))
            except ChildProcessError:
                seen = "no child"
        os.write(writing, seen.encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as file:
        seen = file.read()
    os.waitpid(caller, 0)
    return seen


def main():
    dumped.begin()
    tree = dumped.python(PROGRAM)
    dumped.await_true("the program's start", lambda: "ready" in open(tree.log).read())
    tree.must_dump()
    for sibling, wanted in ((True, "True 42"), (False, "no child")):
        seen = call(tree, sibling)
        dumped.check(seen == wanted, f"--restore-sibling {sibling}: {seen!r}, not {wanted!r}")
        dumped.await_true("the program's end", lambda: (dumped.system.reap(), not tree.alive())[1])


main()
