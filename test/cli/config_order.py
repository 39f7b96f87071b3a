#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Configuration files: the user's default one, that of CRIU_CONFIG_FILE, and --config in the
place of the default one; later ones win, the command line over all. One that is missing is skipped;
what is wrong in a file is told with its name and line.

wl: needs root
wl: areas cli-rpc"""

import os
import subprocess

import dumped

FILES = {
    "home/.criu/default.conf": "log-file home.log\ntimeout 7\n",
    "env.conf": "# a comment\nlog-file=env.log   # and another\n",
    "given.conf": "log-file \"given file.log\"\nleave-running\n",
    "wrong.conf": "log-file x.log\nlog-fyle y.log\n",
}
# What is there (home's file always is), the words, and which log is written.
CASES = [
    ({}, [], "home.log"),
    ({"CRIU_CONFIG_FILE": "env.conf"}, [], "env.log"),
    ({}, ["--config", "given.conf"], "given file.log"),
    ({"CRIU_CONFIG_FILE": "env.conf"}, ["--config", "given.conf"], "env.log"),
    ({}, ["-o", "line.log"], "line.log"),
    ({"CRIU_CONFIG_FILE": "env.conf"}, ["--config", "given.conf", "-o", "line.log"], "line.log"),
    ({}, ["--config", "missing.conf"], None),
    ({}, ["--no-default-config"], None),
    ({"CRIU_CONFIG_FILE": "env.conf"}, ["--no-default-config"], "env.log"),
]


def dump(tree, env, words):
    tree.number += 1
    folder = f"images-{tree.number}"
    os.mkdir(folder)
    files = {name: os.path.abspath(path) for name, path in env.items()}
    words = [os.path.abspath(w) if w.endswith(".conf") else w for w in words]
    done = subprocess.run([dumped.TOOL, "dump", "-t", str(tree.pid), "-D", folder, "-R", *words],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOME": os.path.abspath("home"), **files})
    return folder, done


def main():
    dumped.begin()
    os.makedirs("home/.criu")
    for path, text in FILES.items():
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    tree = dumped.Tree(["/bin/sleep", "1000"])
    for env, words, log in CASES:
        folder, done = dump(tree, env, words)
        logs = [n for n in os.listdir(folder) if n.endswith(".log")]
        dumped.check(done.returncode == 0, f"{env} {words}: {done.stderr}")
        dumped.check(logs == ([log] if log else []), f"{env} {words}: the log is {logs}, not {log}")
        told = "missing.conf can't be read (No such file or directory), and is skipped"
        dumped.check((told in done.stderr) == ("missing.conf" in words), done.stderr)
    _, done = dump(tree, {}, ["--config", "wrong.conf"])
    dumped.check(done.returncode != 0 and "wrong.conf:2: " in done.stderr and
                 "log-file" in done.stderr, f"a wrong word in a file: {done}")
    # A running tree is left alone by a file's word, too.
    os.mkdir("images")
    done = subprocess.run([dumped.TOOL, "dump", "-t", str(tree.pid), "-D", "images", "--config",
                           os.path.abspath("given.conf")], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    dumped.check(done.returncode == 0 and tree.alive(), done.stderr)
    tree.end()


main()
