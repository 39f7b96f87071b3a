#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the agent and writes it as a C array: build.sh CC OBJCOPY ARCH SRCDIR OUT
set -eu
cc=$1 objcopy=$2 arch=$3 src=$4 out=$5
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
flags="-std=gnu17 -Wall -Wextra -Os -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector
	-fno-asynchronous-unwind-tables -fno-builtin -fno-jump-tables -I$src -I$src/agent/arch/$arch"
case $arch in
x86_64) flags="$flags -m64 -fcf-protection=none -mgeneral-regs-only -mno-red-zone -mcmodel=small" ;;
aarch64) flags="$flags -mgeneral-regs-only -mbranch-protection=none -mno-outline-atomics" ;;
esac
# shellcheck disable=SC2086
{
	$cc $flags -c "$src/agent/arch/$arch/entry.S" -o "$tmp/entry.o"
	$cc $flags -c "$src/agent/arch/$arch/stub.S" -o "$tmp/stub.o"
	$cc $flags -c "$src/agent/blob/agent.c" -o "$tmp/agent.o"
	$cc -nostdlib -static -Wl,--build-id=none -Wl,-T,"$src/agent/blob/agent.lds" \
		"$tmp/entry.o" "$tmp/agent.o" -o "$tmp/agent.elf"
	$cc -nostdlib -static -Wl,--build-id=none -Wl,-T,"$src/agent/blob/agent.lds" \
		"$tmp/stub.o" -o "$tmp/stub.elf"
}

bytes() # ELF NAME: its code as a C array
{
	"$objcopy" -O binary -j .text "$1" "$tmp/bin"
	echo "const unsigned char $2[] = {"
	od -An -v -tx1 "$tmp/bin" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
	echo '};'
	echo "const unsigned int $2_size = sizeof($2);"
}

{
	echo '/* Made by agent/blob/build.sh. */'
	echo '#include "agent/blob.h"'
	bytes "$tmp/agent.elf" agent_blob
	bytes "$tmp/stub.elf" agent_stub
} > "$out"
