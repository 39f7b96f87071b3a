#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""node, whose loops give their file jobs and their changes of epoll sets to rings of io_uring: the
main thread and three workers, each with a loop and rings of its own, write, read and rename files
all the time, beside timers and connections that open and close.

wl: needs root io_uring program:node
wl: areas aio-uring-bpf files threads epoll-and-event-fds tcp
wl: timeout 300
wl: idle"""

import os

import cycles
from cycles import check

PROGRAM = r"""
const fs = require('fs'), net = require('net'), crypto = require('crypto')
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads')
const WORKERS = 3, STEPS = 60

async function job(name, step) { // open, write, read, stat, rename, unlink
	const file = await fs.promises.open(name, 'w+'), size = 1000 + step * 37 % 9000
	const block = Buffer.alloc(size, name + step)
	for (let at = 0; at < 3 * size; at += size)
		await file.write(block, 0, size, at)
	const back = Buffer.alloc(3 * size)
	const { bytesRead } = await file.read(back, 0, 3 * size, 0)
	await file.close()
	await fs.promises.rename(name, name + '.new')
	const stat = await fs.promises.stat(name + '.new')
	await fs.promises.unlink(name + '.new')
	return [bytesRead, stat.size, crypto.createHash('md5').update(back).digest('hex')].join(' ')
}

if (!isMainThread) {
	parentPort.on('message', async step =>
		parentPort.postMessage(await job('worker-' + workerData, step)))
} else {
	process.chdir('/run') // a tmpfs, so that the disk is no measure of the test's time
	const pause = Number(process.argv[2])
	const workers = Array.from({ length: WORKERS }, (_, n) =>
		new Worker(__filename, { workerData: n }))
	const ask = (worker, step) => new Promise(done => {
		worker.once('message', done)
		worker.postMessage(step)
	})
	const server = net.createServer(socket => socket.on('data', text => socket.end(text + '!')))
	const echo = (port, text) => new Promise((good, bad) => {
		const socket = net.connect(port, '127.0.0.1', () => socket.write(text))
		socket.on('data', answer => good(String(answer))).on('error', bad)
	})

	server.listen(0, '127.0.0.1', async () => {
		for (let step = 1; step <= STEPS; step++) {
			const all = await Promise.all([job('main', step), job('other', step),
				echo(server.address().port, 'step' + step),
				...workers.map(worker => ask(worker, step))])
			console.log(step, all.join(', '))
			await new Promise(done => setTimeout(done, pause))
		}
		server.close()
		for (const worker of workers)
			worker.terminate()
	})
}
"""


def has_rings(app):
    """Else the test would be one of threads."""
    links = [os.readlink(f"/proc/{app.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{app.pid}/fd")]
    check(links.count("anon_inode:[io_uring]") >= 4, f"node has no rings: {links}")


def main():
    cycles.begin()
    os.environ["UV_USE_IO_URING"] = "1"
    with open("program.js", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    cycles.same_log(["node", "program.js"], ["0"], ["15"], ["--tcp-established"], verify=has_rings)


main()
