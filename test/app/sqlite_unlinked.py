#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SQLite in the middle of transactions whose files have no name any more: a data base with its
rollback journal, one with its WAL and the mapped -shm file, and the file of a temporary table,
which never had one. They are larger than --ghost-limit lets removed files be, until that is raised:
the first dump is refused by name, and the program does not notice. Then five cycles; both
transactions are ended, one is rolled back, and both data bases are whole.

wl: needs root
wl: areas files locks memory"""

import os
import re
import sys

import cycles
from cycles import check

PROGRAM = r"""
import os, sqlite3, sys, time
ROWS, TEXT = 3000, "x" * 1000
def steps():
    yield from range(8)
def base(mode, name):
    con = sqlite3.connect(name, isolation_level=None)
    con.execute("pragma journal_mode=" + mode)
    con.execute("pragma synchronous=off")
    con.execute("pragma cache_size=20")  # what is changed goes to the files, not to memory
    con.execute("create table t (n integer primary key, s text)")
    con.executemany("insert into t values (?, ?)", ((n, TEXT) for n in range(ROWS)))
    con.execute("begin immediate")
    con.execute("update t set s = 'a' || s")
    return con
def sound(con, first):
    check = con.execute("pragma integrity_check").fetchone()[0]
    rows = con.execute("select count(*), min(length(s)), max(length(s)) from t").fetchone()
    same = con.execute("select count(*) from t where substr(s, 1, 1) = ?", first).fetchone()[0]
    return check, rows, same
journal, wal = base("delete", "journal.db"), base("wal", "wal.db")
temp = sqlite3.connect("", isolation_level=None)
temp.execute("pragma cache_size=20")
temp.execute("pragma temp_store=1")
temp.execute("create temp table t (n integer primary key, s text)")
temp.executemany("insert into t values (?, ?)", ((n, TEXT) for n in range(ROWS)))
for name in os.listdir("."):
    if ".db" in name:
        print("unlinked", name, os.stat(name).st_size >= 1 << 20 or name.endswith("-shm"))
        os.unlink(name)
sys.stdout.flush()
for n in range(60):
    for con in journal, wal, temp:
        con.execute("update t set s = s || 'z' where n % 60 = ?", (n,))
    print("step", n, flush=True)
    time.sleep(0.02)
journal.execute("rollback")
wal.execute("commit")
print(sound(journal, "x"), sound(wal, "a"), sound(temp, "x"), flush=True)
"""
ROWS = 3000


def refuse(app):
    said = app.dump("--file-locks")
    check(not said, "a dump with removed files of many MiB went through")
    for name in "journal.db", "journal.db-journal", "wal.db", "wal.db-wal":
        check(re.search(rf"/{name}\b.*--ghost-limit|/{name}\b[^\n]*\n[^\n]*--ghost-limit",
                        said.text), f"{name} is not refused by name:\n{said.text[-3000:]}")


def main():
    cycles.begin()
    with open("program.py", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    os.environ["SQLITE_TMPDIR"] = os.getcwd()
    app = cycles.App([sys.executable, "program.py"])
    dumped = cycles.dumped
    dumped.await_true("the transactions", lambda: "step 0" in dumped.system.read_text(app.log))
    refuse(app)
    app.total = cycles.size(app.log) + 400
    app.cycles("--file-locks", "--ghost-limit", "64M")
    app.wait()
    with open(app.log, encoding="ascii") as f:
        lines = f.read().splitlines()
    gone = [line.split()[1] for line in lines if line.startswith("unlinked")]
    check(sorted(gone) == ["journal.db", "journal.db-journal", "wal.db", "wal.db-shm",
                           "wal.db-wal"], f"other files than thought: {gone}")
    check(not any(line.endswith("False") for line in lines), f"small files: {lines[:6]}")
    check([line for line in lines if line.startswith("step")] == [f"step {n}" for n in range(60)],
          "a step was left out, or made twice")
    whole = (("ok", (ROWS, 1000, 1000), ROWS), ("ok", (ROWS, 1002, 1002), ROWS),
             ("ok", (ROWS, 1001, 1001), ROWS))
    check(lines[-1] == " ".join(map(str, whole)), lines[-1])
    check(not [name for name in os.listdir(".") if ".db" in name], "names came back")


main()
