#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two thousand threads that wait on futexes, each with a name, an id and data of its own.

wl: needs root
wl: areas threads
wl: timeout 600"""

import os

import cycles

COUNT = 2000


def main():
    cycles.begin()
    program = cycles.compile_c("threads")

    def whole(app):
        number = len(os.listdir(f"/proc/{app.pid}/task"))
        cycles.check(number == COUNT + 1, f"there are {number} threads")

    cycles.gated_log([program, str(COUNT)], 18, whole)


main()
