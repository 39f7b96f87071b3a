#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP servers of runtimes with event loops and threads: node, python's asyncio and Java's
HttpServer, each with three clients that keep their connections over three dumps. A server counts a
client's questions in its memory, and answers with the count and a long text; what it does
beside, by a timer of its runtime, goes on too.

wl: needs root program:node program:java
wl: areas tcp epoll-and-event-fds threads
wl: idle"""

import pathlib
import sys

import cycles
from client import Client, expect, free_port, read_page, under_load
from cycles import dumped

NODE = r"""
const counts = new Map(); let ticks = 0;
setInterval(() => { ticks++; }, 10);
require('http').createServer((request, response) => {
	const name = request.url.slice(1), n = (counts.get(name) || 0) + 1;
	counts.set(name, n);
	const body = `${ticks} ${name} ${n}\n`.padEnd(40000, 'x');
	response.writeHead(200, { 'Content-Length': body.length });
	response.end(body);
}).listen(+process.argv[2], '127.0.0.1');
"""

PYTHON = r"""
import asyncio, collections, sys
counts, ticks = collections.Counter(), 0
async def tick():
    global ticks
    while True:
        await asyncio.sleep(0.01)
        ticks += 1
async def serve(reader, writer):
    while line := await reader.readline():
        name = line.split()[1][1:].decode()
        while await reader.readline() != b"\r\n":
            pass
        counts[name] += 1
        body = f"{ticks} {name} {counts[name]}\n".ljust(40000, "x").encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await asyncio.gather(tick(), server.serve_forever())
asyncio.run(main())
"""

JAVA = r"""
import com.sun.net.httpserver.*;
import java.net.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Server {
	public static void main(String[] args) throws Exception {
		var counts = new ConcurrentHashMap<String, Integer>();
		var ticks = new AtomicInteger();
		Executors.newSingleThreadScheduledExecutor().scheduleAtFixedRate(
			ticks::incrementAndGet, 10, 10, TimeUnit.MILLISECONDS);
		var address = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0]));
		var server = HttpServer.create(address, 0);
		server.setExecutor(Executors.newFixedThreadPool(4));
		server.createContext("/", exchange -> {
			var name = exchange.getRequestURI().getPath().substring(1);
			int n = counts.merge(name, 1, Integer::sum);
			var text = ticks.get() + " " + name + " " + n + "\n";
			var body = (text + "x".repeat(40000 - text.length())).getBytes();
			exchange.sendResponseHeaders(200, body.length);
			try (var out = exchange.getResponseBody()) {
				out.write(body);
			}
		});
		server.start();
	}
}
"""

PROGRAMS = (("node", "server.js", NODE, ["node"]),
            ("asyncio", "server.py", PYTHON, [sys.executable, "-I", "-S"]),
            ("java", "Server.java", JAVA, ["java", "-XX:-UsePerfData", "-Xmx64m"]))


class Asker:
    """One client's questions. Answers have to be of one size, count and go on in time."""

    def __init__(self, name):
        self.name, self.ticks = name, 0

    def __call__(self, sock, file, number):
        sock.sendall(b"GET /%s HTTP/1.1\r\nHost: here\r\n\r\n" % self.name)
        body = read_page(file)
        expect(len(body), 40000)
        first, _, rest = body.partition(b"\n")
        ticks, name, count = first.split()
        expect((name, int(count)), (self.name, number + 1))
        expect(rest.strip(b"x"), b"")
        if int(ticks) < self.ticks:
            raise ValueError(f"time went back from {self.ticks} to {ticks}")
        self.ticks = int(ticks)


def main():
    cycles.begin()
    for name, file, text, argv in PROGRAMS:
        port = free_port()
        pathlib.Path(file).write_text(text, encoding="ascii")
        server = cycles.App([*argv, file, str(port)])
        askers = [Asker(b"client-%d" % n) for n in range(3)]
        clients = [Client(port, asker) for asker in askers]
        under_load(name, server, clients, times=3)
        last, late = max(asker.ticks for asker in askers), Asker(b"late")
        client = Client(port, late)
        dumped.await_true(f"the timer of {name}", lambda: client.failure or late.ticks > last)
        client.finish()
        server.end()


main()
