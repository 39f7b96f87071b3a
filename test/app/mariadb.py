#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""MariaDB, with its ring of io_uring, as an ordinary user. Of two clients outside of the tree one
has a transaction that it opened before the first dump: its rows and its locks stay its own over
five dumps, while the other one commits a row after each. What was committed is there in the end,
once.

wl: needs root io_uring program:mariadbd program:mariadb program:mariadb-install-db
wl: areas tcp unix-sockets epoll-and-event-fds aio-uring-bpf threads
wl: idle"""

import os
import shutil
import signal
import subprocess
import tempfile

import cycles
from client import free_port
from cycles import check, dumped


class Session:
    """mariadb(1), which is asked line by line."""

    def __init__(self, port):
        self.proc = subprocess.Popen(
            ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={port}", "--user=root",
             "--unbuffered", "--batch", "--skip-column-names", "--skip-reconnect"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def ask(self, sql):
        """Its answer, of one line."""
        print(sql, file=self.proc.stdin, flush=True)
        return self.proc.stdout.readline().strip()

    def finish(self):
        text = self.proc.communicate(timeout=30)[0]
        check(self.proc.returncode == 0 and not text, f"a client said in the end: {text}")


def start(port):
    data = os.path.abspath("data")
    cycles.run(["mariadb-install-db", "--no-defaults", "--user=nobody", f"--datadir={data}",
                "--auth-root-authentication-method=normal", "--skip-test-db",
                "--skip-name-resolve"])
    server = cycles.App(["mariadbd", "--no-defaults", "--user=nobody", f"--datadir={data}",
                         f"--socket={data}/socket", "--bind-address=127.0.0.1",
                         f"--port={port}", "--innodb-flush-log-at-trx-commit=0",
                         "--innodb-buffer-pool-size=8M"])
    dumped.await_true("the server", lambda: subprocess.run(
        ["mariadb", "--no-defaults", "--host=127.0.0.1", f"--port={port}", "--user=root",
         "--execute=SELECT 1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        check=False).returncode == 0)
    return server


def check_sessions(server, port):
    open_one, other = Session(port), Session(port)
    got = other.ask("""CREATE DATABASE d; USE d; CREATE TABLE t (n INT PRIMARY KEY, who TEXT)
                       ENGINE=InnoDB; SELECT 'made';""")
    check(got == "made", got)
    got = open_one.ask("USE d; SET @mine = 40; BEGIN; INSERT INTO t VALUES (1, 'open'); "
                       "SELECT 'begun';")
    check(got == "begun", got)
    for number in range(2, 2 + cycles.CYCLES):
        server.cycle("--tcp-established", "--file-locks")
        got = other.ask(f"INSERT INTO t VALUES ({number}, 'other'); SELECT COUNT(*) FROM t;")
        check(got == str(number - 1), f"the other sees {got} rows")
        got = open_one.ask("SELECT COUNT(*), @mine + 2, @@in_transaction FROM t "
                           "WHERE who = 'open';")
        check(got == "1\t42\t1", f"the open transaction sees {got}")
    got = other.ask("SELECT COUNT(*) FROM (SELECT n FROM t FOR UPDATE SKIP LOCKED) AS free;")
    check(got == str(cycles.CYCLES), f"{got} rows are not locked by the open transaction")
    got = open_one.ask("COMMIT; SELECT 'committed';")
    check(got == "committed", got)
    got = other.ask("SELECT GROUP_CONCAT(n ORDER BY n) FROM t;")
    check(got == ",".join(map(str, range(1, 2 + cycles.CYCLES))), f"in the end there is {got}")
    for session in (open_one, other):
        session.finish()


def main():
    cycles.begin()
    with tempfile.TemporaryDirectory() as here:
        os.chdir(here)
        shutil.chown(here, "nobody")
        port = free_port()
        server = start(port)
        check_sessions(server, port)
        os.kill(server.pid, signal.SIGTERM)
        server.wait()


main()
