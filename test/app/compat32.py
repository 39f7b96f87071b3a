#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A program of 32 bits: other registers, system calls, vDSO, signal frames and structures.

wl: needs root 32bit
wl: areas memory threads timers pipes"""

import cycles


def main():
    cycles.begin()
    program = cycles.compile_c("state", "-m32")
    cycles.same_log([program], ["0"], ["2500"])


main()
