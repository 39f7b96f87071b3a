#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A statically linked program: no loader, no libraries, at the address it was linked for.

wl: needs root
wl: areas memory threads timers pipes
wl: idle"""

import cycles


def main():
    cycles.begin()
    program = cycles.compile_c("state", "-static", "-no-pie")
    cycles.same_log([program], ["0"], ["2500"])


main()
