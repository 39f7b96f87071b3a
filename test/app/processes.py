#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand processes in a tree of ten levels, joined to a ring by a thousand pipes, a token on
its way among them.

wl: needs root
wl: areas task pipes
wl: timeout 900"""

import resource

import cycles

COUNT = 1000


def main():
    cycles.begin()
    # Each pipe end is open in the first process before the others have theirs.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    program = cycles.compile_c("processes")

    def whole(app):
        pids = cycles.system.descendants(app.pid)
        cycles.check(len(pids) == COUNT - 1, f"there are {len(pids) + 1} processes")

    cycles.gated_log([program, str(COUNT)], 12, whole)


main()
