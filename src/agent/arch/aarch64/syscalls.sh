#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes the table of system call names of this processor from the headers of the machine that
# builds and from syscalls_new.def: syscalls.sh CC SRCDIR OUT
set -eu
cc=$1 src=$2 out=$3

{
	echo '/* Made by agent/arch/aarch64/syscalls.sh. */'
	echo '#include "agent/syscalls.h"'
	echo 'const struct syscall_entry syscalls_native[] = {'
	{
		# The generic table's numbers may be names of others (__NR3264_…): the compiler knows.
		echo '#include <asm/unistd.h>' | $cc -E -dM -x c - |
			sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\1/p' |
			sed 's/.*/NAME "&" __NR_&/' |
			{ echo '#include <asm/unistd.h>'; cat; } | $cc -E -P -x c - |
			sed -n 's/^NAME "\(.*\)" \([0-9]*\)$/\2 \1/p'
		sed -n 's/^NEW(\([a-z0-9_]*\), \([0-9]*\)).*/\2 \1/p' "$src/agent/syscalls_new.def"
	} | sort -n -u | sed 's/\([0-9]*\) \(.*\)/	{ "\2", \1 },/'
	echo '};'
	echo 'const size_t syscalls_native_count = sizeof(syscalls_native) / sizeof(syscalls_native[0]);'
	echo 'const struct syscall_entry syscalls_compat[] = { { .nr = 0 } };'
	echo 'const size_t syscalls_compat_count = 0;'
} > "$out"
