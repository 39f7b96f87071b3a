#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Two peers in network namespaces that a pair of veth devices joins send each other numbered
records at full rate. One is dumped and restored a hundred times, and then more, while packets are
dropped at random both ways: not a byte is lost, doubled or out of order. No lock is left.

wl: needs root
wl: areas tcp
wl: idle"""

import os
import signal
import struct
import subprocess

import dumped

from lib import system

CYCLES, LOSSY_CYCLES = 100, 15
# With bbr, the default of some machines, a sender that has lost packets takes the time of delayed
# acknowledgements for what the way carries: one segment in 44 ms, until its megabytes are sent.
CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control"
PORT = "7000"
SOURCE = os.path.join(os.environ["SOURCE"], "test/cli/tcp_records.c")
RULES = """
table inet lossy {
	counter in { }
	counter out { }
	chain in {
		type filter hook input priority 10
		numgen random mod 100 < 3 counter name in drop
	}
	chain out {
		type filter hook output priority 10
		numgen random mod 100 < 3 counter name out drop
	}
}
"""


def command(*argv, text=None):
    done = subprocess.run(argv, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    dumped.check(done.returncode == 0, f"{' '.join(argv)}: {done.stdout}")
    return done.stdout


def counters(name):
    """Bytes sent and received."""
    with open(name, "rb") as f:
        return struct.unpack("<QQ", f.read(16))


class Peer:
    """The end outside of the tree, in a network of its own: 10.77.0.2."""

    def __init__(self):
        go = os.pipe()
        self.proc = subprocess.Popen(
            ["sh", "-c", f"read go; echo reno >{CONTROL}; ip addr add 10.77.0.2/24 dev out; "
             f"ip link set out up; exec ./records listen 10.77.0.2 {PORT} peer"],
            stdin=go[0], preexec_fn=dumped.new_network)
        os.close(go[0])
        command("ip", "link", "add", "name", "in", "type", "veth", "peer", "name", "out", "netns",
                str(self.proc.pid))
        command("ip", "addr", "add", "10.77.0.1/24", "dev", "in")
        command("ip", "link", "set", "in", "up")
        os.write(go[1], b"\n")
        os.close(go[1])

    def moves(self, size):
        """So many bytes more come from the tree, and go there."""
        sent, received = counters("peer")

        def more():
            dumped.check(self.proc.poll() is None, "the peer has ended")
            now = counters("peer")
            return now[0] > sent + size and now[1] > received + size
        dumped.await_true("records both ways", more)


def cycle(tree, peer, count, size):
    for _ in range(count):
        tree.must_dump("--tcp-established")
        tree.must_restore("--tcp-established")
        peer.moves(size)


def await_end(pid):
    """However long it takes, as long as something comes."""
    status, before = None, None
    while status is None and counters("own") != before:
        before = counters("own")
        status = system.wait_child(pid, 20)
    return status


def main():
    dumped.begin()
    dumped.new_network()
    with open(CONTROL, "w", encoding="ascii") as f:
        f.write("reno")
    command("gcc", "-O2", "-o", "records", SOURCE)
    peer = Peer()
    dumped.await_true("the peer", lambda: os.path.exists("peer") and
                      os.path.getsize("peer") == 16)
    tree = dumped.Tree([os.path.abspath("records"), "connect", "10.77.0.2", PORT,
                        os.path.abspath("own")])
    peer.moves(100000)
    cycle(tree, peer, CYCLES, 100000)
    command("nft", "-f", "-", text=RULES)
    cycle(tree, peer, LOSSY_CYCLES, 1)
    lost = command("nft", "list", "counters")
    dumped.check(lost.count("packets") == 2 and "packets 0 " not in lost, lost)
    command("nft", "delete", "table", "inet", "lossy")
    os.kill(tree.pid, signal.SIGTERM)
    peer.proc.send_signal(signal.SIGTERM)
    status = await_end(tree.pid)
    dumped.check(status == 0, f"the tree ended with {status}: {system.read_text('log')}")
    dumped.check(peer.proc.wait(20) == 0, "the peer ended with an error")
    sent, received = counters("own")
    dumped.check(counters("peer") == (received, sent),
                 f"sent {sent}, received {received}; the peer: {counters('peer')}")
    left = command("nft", "list", "tables")
    dumped.check(not left, f"a lock is left: {left}")
    print(f"{sent >> 20} MiB sent, {received >> 20} MiB received")


main()
