#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL with its helpers, as the user it insists on, in one tree with a pgbench that comes by
the unix socket; another one, outside of the tree, comes by TCP. Both go on through five dumps and
restores, and lose no transaction: what they count is what the table of transactions has of each,
and all balances are the sums of what was booked.

wl: needs root program:pgbench program:setpriv
wl: areas tcp unix-sockets sysv-ipc shm epoll-and-event-fds
wl: idle"""

import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import cycles
from client import free_port
from cycles import check, dumped, system

USER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
CLIENTS, EACH = 2, 250
# pgbench's own script, with a mark of whose it is.
SCRIPT = """
\\set aid random(1, 100000)
\\set tid random(1, 10)
\\set delta random(-5000, 5000)
BEGIN;
UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = 1;
INSERT INTO pgbench_history (tid, bid, aid, delta, mtime, filler)
	VALUES (:tid, 1, :aid, :delta, CURRENT_TIMESTAMP, '%s');
END;
\\sleep 60 ms
"""
COUNTS = """
SELECT count(*) FILTER (WHERE filler ~ '^inside'), count(*) FILTER (WHERE filler ~ '^outside')
	FROM pgbench_history
"""
SUMS = """
SELECT (SELECT sum(delta) FROM pgbench_history), (SELECT sum(abalance) FROM pgbench_accounts),
	(SELECT sum(tbalance) FROM pgbench_tellers), (SELECT sum(bbalance) FROM pgbench_branches)
"""
# The tree: the server, and a client as soon as there is something to work on.
TREE = """
postgres -D data -k "$PWD" -p $1 -c listen_addresses=127.0.0.1 -c fsync=off &
until [ -e inside.sql ]; do sleep 0.05; done
pgbench -h "$PWD" -p $1 -n -f inside.sql -c $2 -t $3 postgres >inside 2>&1
wait
"""


def as_user(*argv):
    return cycles.run([*USER, *argv]).decode()


class Server(cycles.App):
    def __init__(self, port):
        as_user("initdb", "-D", "data", "-A", "trust", "--no-sync", "--no-locale", "-E", "UTF8")
        self.port = str(port)
        super().__init__([*USER, "bash", "-c", TREE, "tree", *map(str, (port, CLIENTS, EACH))])
        dumped.await_true("the server", lambda: subprocess.run(
            ["pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port], check=False).returncode == 0)

    def ask(self, sql):
        return as_user("psql", "-AtX", "-h", "127.0.0.1", "-p", self.port, "-c", sql).strip()

    def booked(self):
        """Transactions of the client inside, and of that outside."""
        return [int(number) for number in self.ask(COUNTS).split("|")]

    def await_transactions(self, count):
        """So many more, of both, if they have so many to do."""
        goal = [min(number + count, CLIENTS * EACH) for number in self.booked()]
        dumped.await_true("transactions", lambda: all(
            have >= want for have, want in zip(self.booked(), goal)), limit=180, pause=0.2)


def check_report(whose, text):
    want = f"{CLIENTS * EACH}/{CLIENTS * EACH}"
    check(re.search(rf"actually processed: {want}$", text, re.M) and
          re.search(r"failed transactions: 0 ", text), f"pgbench {whose} of the tree:\n{text}")


def main():
    cycles.begin()
    os.environ["PATH"] += f":{sorted(glob.glob('/usr/lib/postgresql/*/bin'))[-1]}"
    with tempfile.TemporaryDirectory() as here:  # the user has to come to it
        os.chdir(here)
        shutil.chown(here, "postgres", "postgres")
        server = Server(free_port())
        where = ["-h", "127.0.0.1", "-p", server.port]
        as_user("pgbench", "-i", "-q", *where, "postgres")
        for whose in ("outside", "inside"):
            pathlib.Path(f"{whose}.sql").write_text(SCRIPT % whose, encoding="ascii")
        with subprocess.Popen([*USER, "pgbench", *where, "-n", "-f", "outside.sql",
                               "-c", str(CLIENTS), "-t", str(EACH), "postgres"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as outside:
            for _ in range(cycles.CYCLES):
                server.await_transactions(10)
                server.cycle("--tcp-established")
            check_report("outside", outside.communicate(timeout=240)[0])
        dumped.await_true("the client in the tree",
                          lambda: "failed" in (system.read_text("inside") or ""), 240)
        check_report("inside", system.read_text("inside"))
        check(server.booked() == [CLIENTS * EACH] * 2, f"{server.booked()} transactions are booked")
        sums = server.ask(SUMS).split("|")
        check(len(set(sums)) == 1, f"the sums differ: {sums}")
        os.kill(int(system.read_text("data/postmaster.pid").split()[0]), signal.SIGINT)
        server.wait()


main()
