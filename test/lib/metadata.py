# SPDX-License-Identifier: Apache-2.0
"""The "wl: key value" lines of a test's first comment, described in test/workload/workload.h."""

import re
import shlex

# Flavours that this version of the runner starts. The others need namespaces in the tool.
FLAVOURS = ("host", "user", "unpriv")
LATER_FLAVOURS = ("ns", "userns")
KEYS = {"areas", "flavours", "dump", "restore", "both", "expect", "needs", "cflags", "libs",
        "cycles", "crossing", "timeout", "ignore", "tier", "limit", "lane", "idle", "left"}
_LINE = re.compile(r"^[\s*#/]*wl:\s+(\w+)\s*(.*?)\s*(\*/|\"{3})?$")


class Metadata:
    def __init__(self, path):
        keys = {}
        with open(path, encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                if number > 60:
                    break
                match = _LINE.match(line)
                if not match:
                    continue
                if match[1] not in KEYS:
                    raise ValueError(f"{path}:{number}: unknown key {match[1]}")
                keys[match[1]] = (keys.get(match[1], "") + " " + match[2]).strip()
        self.flavours = keys.get("flavours", "host").replace(",", " ").split()
        unknown = set(self.flavours) - set(FLAVOURS) - set(LATER_FLAVOURS)
        if unknown:
            raise ValueError(f"{path}: unknown flavour {' '.join(unknown)}")
        both = shlex.split(keys.get("both", ""))
        self.dump = shlex.split(keys.get("dump", "")) + both
        self.restore = shlex.split(keys.get("restore", "")) + both
        self.expect, _, self.expect_text = keys.get("expect", "pass").partition(" ")
        self.expect_text = self.expect_text.strip()
        if self.expect not in ("pass", "dump-refused", "restore-refused"):
            raise ValueError(f"{path}: expect {self.expect}?")
        self.needs = keys.get("needs", "").replace(",", " ").split()
        self.cflags = shlex.split(keys.get("cflags", ""))
        self.libs = shlex.split(keys.get("libs", ""))
        self.cycles = int(keys.get("cycles", "1"))
        self.crossing, _, self.crossing_reason = keys.get("crossing", "both").partition(" ")
        if self.crossing not in ("both", "to", "from", "none"):
            raise ValueError(f"{path}: crossing {self.crossing}?")
        self.timeout = float(keys["timeout"]) if "timeout" in keys else None
        self.ignore = set(keys.get("ignore", "").replace(",", " ").split())
        self.limit = keys.get("limit", "")
        self.left = keys.get("left", "")
        self.lane = keys.get("lane", "")
        self.idle = "idle" in keys
        self.tier = keys.get("tier", "all")
