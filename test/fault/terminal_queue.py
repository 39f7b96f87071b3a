#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What waits in terminals is taken out by a dump, and put back: also if the tool is killed while
it is out, or fails. Lines, one that is not complete, raw bytes, and more than a line discipline
holds are there afterwards, as they were, and so are the terminals' modes.

wl: needs root
wl: lane tty
wl: areas tty"""

import survivors

HOLDER = r"""
import os, pty, signal, sys, termios, tty
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
lines, raw = pty.openpty(), pty.openpty()
for pair in (lines, raw):
    modes = termios.tcgetattr(pair[1])
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(pair[1], termios.TCSANOW, modes)
tty.setraw(raw[1])
typed = b"".join(b"line %d\n" % n for n in range(700))
os.write(lines[0], typed + b"not comp")
bytes_ = bytes(range(256)) * 20
os.write(raw[0], bytes_)
before = [termios.tcgetattr(pair[1]) for pair in (lines, raw)]
print("ready", flush=True)
signal.sigwait([signal.SIGTERM])
after = [termios.tcgetattr(pair[1]) for pair in (lines, raw)]
os.write(lines[0], b"lete\n")
for pair, want in ((lines, typed + b"not complete\n"), (raw, bytes_)):
    os.set_blocking(pair[1], False)
    got = b""
    try:
        while True:
            got += os.read(pair[1], 4096)
    except BlockingIOError:
        pass
    if got != want:
        sys.exit(f"{len(got)} bytes, not {len(want)}: {got[:50]} ... {got[-50:]}")
if before != after:
    sys.exit(f"modes were {before}, and are {after}")
print("good", flush=True)
"""

survivors.begin()
survivors.hold_contents(HOLDER, "dump-terminal", "helper-terminal", "which looks at what waits")
