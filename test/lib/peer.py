# SPDX-License-Identifier: Apache-2.0
"""The peer: CRIU 4.2 as tools/peer brings it."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def find(fetch=True):
    """(folder, None), or (None, why there is none)."""
    script = os.path.join(TOP, "tools", "peer")
    done = subprocess.run([script] if fetch else [script, "--path"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout.strip(), None
    lines = done.stderr.strip().splitlines()
    return None, "no CRIU to compare with: " + (lines[-1] if lines else "it was not fetched")


def argv(folder):
    """The words that start CRIU without a shell in between."""
    with open(os.path.join(folder, "criu.argv"), encoding="utf-8") as f:
        return f.read().splitlines()
