#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ruby: threads that take turns by the interpreter's lock and its timer, queues, fibers, a child
process that is fed through one pipe and answers through another, signal handlers, a heap that is
compacted, big numbers, and a file that is written and read again.

wl: needs root program:ruby
wl: areas memory threads task pipes files signals epoll-and-event-fds
wl: timeout 300
wl: idle"""

import cycles

PROGRAM = r"""
$stdout.sync = true
pause = ARGV[0].to_f
Signal.trap('USR1') { $told = ($told || 0) + 1 }

down, up = IO.pipe, IO.pipe
child = fork do
	down[1].close
	up[0].close
	seen = Hash.new(0)
	while (line = down[0].gets)
		number = line.to_i
		seen[number % 89] += number
		up[1].puts((seen.sum { |k, v| k * v }) % 1_000_000_007)
		up[1].flush
	end
	exit! 7
end
down[0].close
up[1].close

jobs, done = Queue.new, Queue.new
workers = 4.times.map do |slot|
	Thread.new do
		state = slot + 1
		while (x = jobs.pop)
			400.times { |i| state = (state * 6364136223846793005 + x + i) & 0xffffffffffffffff }
			done << [slot, x, state.to_s(36) * 2]
		end
	end
end
primes = Fiber.new do
	found = []
	(2..).each do |n|
		next if found.any? { |p| break true if n % p == 0; break false if p * p > n }
		found << n
		Fiber.yield n
	end
end

data = File.open('data', 'w+')
cache, big = {}, 1
1.upto(300) do |step|
	8.times { |n| jobs << step * 8 + n }
	sum = 8.times.map { done.pop }.map { |_, x, _| x }.sum
	down[1].puts(step * 37)
	answer = up[0].gets.to_i
	prime = primes.resume
	big *= prime
	cache["key#{step % 70}"] = "v#{answer}" * 50
	data.write([step, answer, prime].pack('QQQ'))
	Process.kill('USR1', Process.pid) if step % 50 == 0
	GC.compact if step % 60 == 0
	ObjectSpace.garbage_collect if step % 25 == 0
	puts [step, sum, answer, prime, big.to_s(36)[0, 40], big.bit_length,
	      cache.values.join.sum].join(' ')
	sleep pause
end
4.times { jobs << nil }
workers.each(&:join)
down[1].close
Process.wait(child)
data.rewind
numbers = data.read.unpack('Q*')
puts [$told, $?.exitstatus, numbers.size, numbers.sum].join(' ')
"""


def main():
    cycles.begin()
    with open("program.rb", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    cycles.same_log(["ruby", "program.rb"], ["0"], ["0.008"])


main()
