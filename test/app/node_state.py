#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""node: code that V8 compiles while it runs, worker threads over a shared buffer, timers of the
event loop, file and zlib jobs in libuv's pool of threads, typed arrays, maps, weak references and
a garbage collector with threads of its own. The loop's descriptors are epoll, eventfd and pipes.

wl: needs root program:node
wl: areas memory threads epoll-and-event-fds files pipes
wl: timeout 300
wl: idle"""

import cycles

PROGRAM = r"""
const fs = require('fs'), zlib = require('zlib'), crypto = require('crypto')
const { Worker, isMainThread, workerData } = require('worker_threads')
const SLOTS = 4, STEPS = 400

function work(slot, x) { // becomes hot, is optimised, and now and then sees another shape
	let tree = new Map(), s = x | 0
	for (let i = 0; i < 2000; i++) {
		s = (Math.imul(s, 1103515245) + 12345 + slot) | 0
		const key = s & 255
		const old = tree.get(key)
		if (!old) tree.set(key, i % 97 ? { n: 1, v: s } : { v: s, n: 1, odd: [s] })
		else old.v ^= s >>> (old.n++ & 15)
	}
	for (const [key, { n, v }] of tree) s = (s * 31 + key * n ^ v) | 0
	return s
}

if (!isMainThread) {
	const { shared, slot } = workerData
	const view = new Int32Array(shared)
	let turn = 0
	for (;;) { // sleeps in a futex until its turn comes
		while (Atomics.load(view, slot) === turn)
			Atomics.wait(view, slot, turn)
		turn = Atomics.load(view, slot)
		if (turn < 0)
			break
		Atomics.store(view, SLOTS + slot, work(slot, view[SLOTS + slot]))
		Atomics.add(view, 2 * SLOTS, 1)
		Atomics.notify(view, 2 * SLOTS)
	}
} else {
	const pause = Number(process.argv[2])
	const shared = new SharedArrayBuffer(4 * (2 * SLOTS + 1))
	const view = new Int32Array(shared)
	const workers = Array.from({ length: SLOTS }, (_, slot) =>
		new Worker(__filename, { workerData: { shared, slot } }))
	const sleep = ms => new Promise(done => setTimeout(done, ms))
	const deflate = data => new Promise((good, bad) =>
		zlib.deflate(data, (e, out) => e ? bad(e) : good(out)))
	const derive = word => new Promise((good, bad) =>
		crypto.pbkdf2(word, 'salt', 50, 24, 'sha256', (e, out) => e ? bad(e) : good(out)))
	let immediate = 0, weak = [], kept = []

	async function main() {
		const file = await fs.promises.open('data', 'w+')
		let ended = 0, hash = crypto.createHash('sha256')
		for (const worker of workers) worker.on('exit', () => ended++)
		for (let step = 1; step <= STEPS; step++) {
			Atomics.store(view, 2 * SLOTS, 0)
			for (let slot = 0; slot < SLOTS; slot++) {
				Atomics.store(view, slot, step)
				Atomics.notify(view, slot)
			}
			const block = Buffer.alloc(3000, work(9, step) & 255)
			const [packed, key, wrote] = await Promise.all([deflate(block),
				derive('word' + step), file.write(block, 0, 1 + step * 7 % 3000)])
			setImmediate(() => immediate++)
			for (let done; (done = Atomics.load(view, 2 * SLOTS)) < SLOTS;)
				Atomics.wait(view, 2 * SLOTS, done)
			hash.update(packed).update(key)
			weak.push(new WeakRef(kept[step % 50] = { step, big: new Float64Array(5000) }))
			weak = weak.filter(ref => ref.deref()).slice(-100)
			console.log(step, view.slice(SLOTS, 2 * SLOTS).join(' '), key.toString('hex'),
				wrote.bytesWritten, kept[step % 50].step, hash.copy().digest('hex').slice(0, 16))
			await sleep(pause)
		}
		for (let slot = 0; slot < SLOTS; slot++) {
			Atomics.store(view, slot, -1)
			Atomics.notify(view, slot)
		}
		while (ended < SLOTS)
			await sleep(5)
		const text = await fs.promises.readFile('data')
		console.log(immediate, text.length, crypto.createHash('md5').update(text).digest('hex'))
	}
	main().catch(e => { console.log(e); process.exit(1) })
}
"""


def main():
    cycles.begin()
    with open("program.js", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    cycles.same_log(["node", "program.js"], ["0"], ["8"])


main()
