#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bash script with background jobs: workers that write into a fifo, a coprocess that it talks
to, traps, wait -n, arrays and a here-document, loops that start a program at each turn, and an
exit status of every job that is checked at the end.

wl: needs root program:bash
wl: areas task pipes signals
wl: idle"""

import cycles

PROGRAM = r"""
set -u
pause=$1
mkfifo numbers
signals=0
trap 'signals=$((signals + 1))' USR1

worker() { # NUMBER: a hundred lines, and a status of its own
	local i x=$1
	for ((i = 0; i < 100; i++)); do
		x=$(( (x * 1103515245 + 12345) % 2147483648 ))
		echo "$1 $i $x" >&7
		[ "$pause" = 0 ] || sleep "$pause"
	done
	return $((10 + $1))
}

exec 7<>numbers
declare -A status sums next
for n in 1 2 3 4; do
	worker "$n" &
	status[$n]=$!
	sums[$n]=0 next[$n]=0
done
coproc adder { while read -r a b; do echo $(( (a * 31 + b) % 1000003 )); done; }
adder_pid=$adder_PID
total=0
for ((count = 0; count < 400; )); do
	read -r n i x <&7 || continue # a signal may end a read early
	[ "$i" = "${next[$n]}" ] || { echo "worker $n: $i, not ${next[$n]}"; exit 1; }
	next[$n]=$((i + 1))
	echo "${sums[$n]} $x" >&"${adder[1]}"
	read -r sums[$n] <&"${adder[0]}"
	count=$((count + 1))
	((count % 20)) || kill -USR1 $$
	((count % 10)) || echo "read $count"
done
for n in 1 2 3 4; do
	wait "${status[$n]}"
	echo "job $n: status $?, sum ${sums[$n]}"
done
exec {adder[1]}>&-
wait "$adder_pid"
text=$(tr a-z A-Z <<-END
	$signals signals
END
)
echo "$text"
jobs
"""


def main():
    cycles.begin()
    with open("program.sh", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    expected = cycles.run(["bash", "program.sh", "0"])
    cycles.run(["rm", "numbers"])
    app = cycles.App(["bash", "program.sh", "0.02"], total=len(expected))
    app.cycles()
    app.wait()
    with open(app.log, "rb") as log:
        text = log.read()
    cycles.check(text == expected,
                 f"the output differs:\n{text.decode()}\nnot\n{expected.decode()}")


main()
