#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SQLite in WAL mode: a writer that holds its transaction open over each dump, by POSIX locks on a
file that it also maps (the -shm file), and a reader with a snapshot of its own. While the writer is
in its transaction no other connection gets in, in the restored tree as before; in the end the data
base is whole and holds each row once.

wl: needs root
wl: areas locks files memory
wl: idle"""

import os
import sqlite3
import sys

import cycles
from cycles import check

ROWS = 400

PROGRAM = r"""
import os, sqlite3, sys, time
rows = int(sys.argv[1])
base = sqlite3.connect("base.db", isolation_level=None)
base.execute("pragma journal_mode=wal")
base.execute("create table t (n integer primary key, s text)")
reader = os.fork()
if not reader:
    mine = sqlite3.connect("base.db", isolation_level=None, timeout=30)
    last = 0
    while last < rows:
        mine.execute("begin")
        first = mine.execute("select count(*) from t").fetchone()[0]
        time.sleep(0.003)
        again = mine.execute("select count(*) from t").fetchone()[0]
        mine.execute("commit")
        if first != again or first < last:
            sys.exit(f"a snapshot has moved: {first}, {again} after {last}")
        last = first
    sys.exit(0)
for n in range(0, rows, 2):
    base.execute("begin immediate")
    base.execute("insert into t values (?, ?)", (n, "x" * (n % 977)))
    time.sleep(0.005)
    base.execute("insert into t values (?, ?)", (n + 1, "y" * (n % 977)))
    base.execute("commit")
    print(n, flush=True)
print("reader", os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1]), flush=True)
"""


def probe():
    """Is the writer in its transaction, for others? None: just between two."""
    base = sqlite3.connect("base.db", isolation_level=None, timeout=0)
    try:
        base.execute("begin immediate")
        base.execute("rollback")
        return False
    except sqlite3.OperationalError:
        return True
    finally:
        base.close()


def main():
    cycles.begin()
    with open("program.py", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    app = cycles.App([sys.executable, "program.py", str(ROWS)])
    app.total = sum(len(f"{n}\n") for n in range(0, ROWS, 2))
    shut = 0

    def verify():
        nonlocal shut
        shut += any(probe() for _ in range(200))

    app.cycles("--file-locks", verify=verify)
    check(shut == cycles.CYCLES, f"the writer's lock was seen after {shut} restores only")
    app.wait()
    with open(app.log, encoding="ascii") as f:
        said = f.read().splitlines()
    check(said == [str(n) for n in range(0, ROWS, 2)] + ["reader 0"],
          f"the program has said:\n{said[-5:]}")
    base = sqlite3.connect("base.db")
    check(base.execute("pragma integrity_check").fetchone()[0] == "ok", "the base is damaged")
    found = base.execute("select count(*), sum(n) from t").fetchone()
    check(found == (ROWS, ROWS * (ROWS - 1) // 2), f"rows are missing: {found}")
    check(not os.path.exists("base.db-journal"), "a journal was left behind")


main()
