#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check -t of real programs: whether a dump is refused, every reason, and the size of the images
are what a dump then makes of it.

wl: needs root program:gcc program:perl program:gzip
wl: areas cli-rpc
wl: idle"""

import json
import os
import shutil
import subprocess
import sys
import time

import dumped
from lib import system

THREADS = """
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *work(void *arg) { memset(malloc(3 << 20), 7, 3 << 20); pause(); return arg; }
int main(void)
{
	pthread_t t;
	for (int i = 0; i < 20; i++)
		pthread_create(&t, NULL, work, NULL);
	sleep(1);
	fclose(fopen("ready", "w"));
	pause();
}
"""
END = "\nopen('ready', 'w').close(); time.sleep(1000)"
LISTENER = "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()"
CONNECTION = LISTENER + "; c = socket.create_connection(s.getsockname()); p = s.accept()"
SQLITE = """
import sqlite3, time
c = sqlite3.connect('db')
c.execute('create table t(x)'); c.execute('begin exclusive'); c.execute('insert into t values(1)')
"""
GHOST = """
import os, time
f = open('gone', 'wb'); f.write(os.urandom({})); f.flush(); os.unlink('gone')
"""
PIPELINE = "tar c /usr/lib 2>/dev/null | gzip -1 | (dd bs=4k count=1 of=/dev/null 2>/dev/null; " \
           "touch ready; sleep 1000)"
JAVA = """
public class J {
    public static void main(String[] a) throws Exception {
        byte[][] b = new byte[40][];
        for (int i = 0; i < 40; i++) {
            b[i] = new byte[1 << 20];
            java.util.Arrays.fill(b[i], (byte) i);
        }
        new java.io.File("ready").createNewFile();
        Thread.sleep(1000000);
    }
}
"""


def py(code):
    return [sys.executable, "-c", code + END]


def deleted_binary():
    shutil.copy("/bin/sleep", "gone-binary")
    return ["bash", "-c", "./gone-binary 1000 & sleep 0.3; rm gone-binary; touch ready; wait"]


# Name, what to start, and a word of the one refusal; None: it can be dumped.
PROGRAMS = [
    ("python", py("import time; x = [str(i) for i in range(300000)]"), None),
    ("perl", ["perl", "-e", "@a = (1..500000); open F, '>ready'; close F; sleep 1000"], None),
    ("bash", ["bash", "-c", "sleep 1000 & sleep 1000 & touch ready; wait"], None),
    ("pipeline", ["bash", "-c", PIPELINE], None),
    ("threads", ["./threads"], None),
    ("deleted binary", deleted_binary, None),
    ("deleted file", py(GHOST.format(900000)), None),
    ("deleted file above the limit", py(GHOST.format(5000000)), "above the limit"),
    ("listener", py(LISTENER), None),
    ("connection", py(CONNECTION), "connection"),
    ("sqlite", py(SQLITE), "lock"),
]


def answer(*words):
    done = subprocess.run([dumped.TOOL, *words, "--json"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)


def reasons(said):
    return [sorted((i.get("task"), i["object"], i["text"], i.get("cure")) for i in said[kind])
            for kind in ("refusals", "warnings")]


def await_rest(pid):
    """Until nothing of the tree has had the processor for a while: buffers and pipes are full."""
    def used():
        stats = [system.read_text(f"/proc/{p}/stat") for p in [pid] + system.descendants(pid)]
        return [text and text.rpartition(")")[2].split()[11:13] for text in stats]

    def rests():
        before = used()
        time.sleep(0.3)
        return used() == before
    dumped.await_true("rest", rests)


def try_one(name, argv, word):
    if os.path.exists("ready"):
        os.unlink("ready")
    tree = dumped.Tree(argv() if callable(argv) else argv)
    dumped.await_true(name, lambda: os.path.exists("ready"))
    await_rest(tree.pid)
    folder = os.path.abspath(name.replace(" ", "-") + "-images")
    os.mkdir(folder)
    said = answer("check", "-t", str(tree.pid))
    real = answer("dump", "-t", str(tree.pid), "-D", folder, "-R")
    dumped.check(said["ok"] == real["ok"], f"{name}: check {said}\ndump {real}")
    dumped.check(reasons(said) == reasons(real), f"{name}: {reasons(said)}\n{reasons(real)}")
    if name != "java":  # what it opens is its library's choice
        dumped.check(real["ok"] == (word is None), f"{name}: {real}")
    if word:
        dumped.check(any(word in f"{i['object']} {i['text']}" for i in said["refusals"]),
                     f"{name}: {said['refusals']}")
    if real["ok"]:
        size = sum(os.stat(f"{folder}/{f}").st_blocks * 512 for f in os.listdir(folder))
        foretold = said["prediction"]["image_bytes"]
        dumped.check(0.9 < foretold / size < 1.1, f"{name}: {foretold} bytes foretold, got {size}")
    tree.end()


def main():
    dumped.begin()
    with open("threads.c", "w", encoding="utf-8") as f:
        f.write(THREADS)
    subprocess.run(["gcc", "-pthread", "-o", "threads", "threads.c"], check=True)
    for program in PROGRAMS:
        try_one(*program)
    if shutil.which("javac"):
        with open("J.java", "w", encoding="utf-8") as f:
            f.write(JAVA)
        subprocess.run(["javac", "J.java"], check=True, stdout=subprocess.DEVNULL)
        try_one("java", ["java", "-XX:-UsePerfData", "J"], None)


main()
