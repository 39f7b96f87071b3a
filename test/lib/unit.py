# SPDX-License-Identifier: Apache-2.0
"""The unit tests, which Meson knows."""

import json
import os
import subprocess


def run(build):
    """[(name, outcome, details)]; outcome is pass, fail or skip."""
    built = subprocess.run(["ninja", "-C", build, "-j", "2", "--quiet", "unit-tests"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if built.returncode:
        return [("unit", "fail", built.stdout + built.stderr)]
    log = os.path.join(build, "meson-logs", "testlog.json")
    if os.path.exists(log):
        os.unlink(log)
    done = subprocess.run(["meson", "test", "-C", build, "--no-rebuild", "--print-errorlogs",
                           "--timeout-multiplier", "10"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found = []
    if os.path.exists(log):
        with open(log, encoding="utf-8") as f:
            for line in f:
                test = json.loads(line)
                outcome = {"OK": "pass", "EXPECTEDFAIL": "pass", "SKIP": "skip"}.get(
                    test["result"], "fail")
                details = (test.get("stdout") or "") + (test.get("stderr") or "")
                found.append((f"unit/{test['name']}", outcome, details))
    if done.returncode and not any(o == "fail" for _, o, _ in found):
        # Nothing failed by name: the tests could not even be started.
        if "No tests defined" not in done.stdout + done.stderr:
            found.append(("unit", "fail", done.stdout + done.stderr))
    return found
