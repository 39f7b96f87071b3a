#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the tables of system call names of this processor, native and 32-bit, from the headers of
# the machine that builds and from syscalls_new.def: syscalls.sh CC SRCDIR OUT
set -eu
cc=$1 src=$2 out=$3

table() # NAME HEADER: lines "{ "name", number }," by number
{
	echo "const struct syscall_entry $1[] = {"
	{
		echo "#include <$2>" | $cc -E -dM -x c - |
			sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$/\2 \1/p'
		sed -n 's/^NEW(\([a-z0-9_]*\), \([0-9]*\)).*/\2 \1/p' "$src/agent/syscalls_new.def"
	} | sort -n -u | sed 's/\([0-9]*\) \(.*\)/	{ "\2", \1 },/'
	echo '};'
	echo "const size_t $1_count = sizeof($1) / sizeof($1[0]);"
}

{
	echo '/* Made by agent/arch/x86_64/syscalls.sh. */'
	echo '#include "agent/syscalls.h"'
	table syscalls_native asm/unistd_64.h
	table syscalls_compat asm/unistd_32.h
} > "$out"
