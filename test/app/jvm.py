#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Java virtual machine: threads that compute in code compiled while they run, one that sleeps
on a condition, a pool, a scheduler with a clock, garbage to collect, and loops that are compiled
anew (deoptimised) when another class turns up after a restore.

wl: needs root program:java program:javac
wl: areas memory threads files
wl: timeout 300
wl: idle"""

import os

import cycles

PROGRAM = r"""
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Program {
	interface Step { long go(long x); }
	static final class Odd implements Step {
		public long go(long x) { return x * 6364136223846793005L + 1; }
	}
	static final class Even implements Step {
		public long go(long x) { return (x ^ (x >>> 29)) * 0xbf58476d1ce4e5b9L; }
	}
	static final class Late implements Step {
		public long go(long x) { return Long.rotateLeft(x, 17) + 3; }
	}

	static long mix(Step step, long x, int rounds) {
		for (int i = 0; i < rounds; i++)
			x = step.go(x);
		return x;
	}

	static final class Worker extends Thread {
		final SynchronousQueue<Long> in = new SynchronousQueue<>(), out = new SynchronousQueue<>();
		final Map<Long, byte[]> garbage = new LinkedHashMap<>();
		Worker(int n) { super("worker-" + n); setDaemon(true); }
		public void run() {
			try {
				for (int number = 0; ; number++) {
					long x = in.take();
					Step step = number % 2 == 0 ? new Even() : new Odd();
					if (number > 200 && number % 3 == 0)
						step = new Late();
					x = mix(step, x, 20000);
					byte[] block = new byte[50000];
					Arrays.fill(block, (byte) x);
					garbage.put(x, block);
					if (garbage.size() > 40)
						garbage.remove(garbage.keySet().iterator().next());
					for (byte[] b : garbage.values())
						x += b[b.length / 2];
					out.put(x);
				}
			} catch (InterruptedException e) {
				throw new RuntimeException(e);
			}
		}
	}

	public static void main(String[] args) throws Exception {
		long pause = Long.parseLong(args[0]);
		AtomicLong ticks = new AtomicLong();
		ScheduledExecutorService clock = Executors.newScheduledThreadPool(1);
		clock.scheduleAtFixedRate(ticks::incrementAndGet, 5, 5, TimeUnit.MILLISECONDS);
		ExecutorService pool = Executors.newFixedThreadPool(4);
		Worker[] workers = new Worker[4];
		for (int n = 0; n < workers.length; n++)
			(workers[n] = new Worker(n)).start();
		ConcurrentSkipListMap<Long, Integer> seen = new ConcurrentSkipListMap<>();
		long x = 42;
		for (int round = 0; round < 500; round++) {
			for (int n = 0; n < workers.length; n++)
				workers[n].in.put(x + n);
			List<Future<Long>> results = new ArrayList<>();
			for (Worker worker : workers) {
				long got = worker.out.take();
				results.add(pool.submit(() -> mix(new Odd(), got, 5000)));
			}
			for (Future<Long> result : results)
				seen.put(x = x * 31 + result.get(), round);
			System.out.println(round + " " + Long.toHexString(x) + " " + seen.size() + " "
					+ Long.toHexString(seen.firstKey()));
			Thread.sleep(pause);
		}
		pool.shutdown();
		clock.shutdown();
		if (pause > 0 && ticks.get() < 100)
			System.out.println("the clock ticked " + ticks + " times");
	}
}
"""


def main():
    cycles.begin()
    with open("Program.java", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    cycles.run(["javac", "Program.java"])
    # Its compiled code, class data and heap are all in use; only the heap's size is kept modest.
    argv = ["java", "-Xmx192m", "-cp", os.getcwd(), "Program"]
    cycles.same_log(argv, ["0"], ["6"])


main()
