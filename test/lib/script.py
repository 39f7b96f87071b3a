# SPDX-License-Identifier: Apache-2.0
"""Tests that are programs: each executable in test/cli, test/fault, test/interop and test/app.
Contract: exit status 0 is a pass, 77 a skip with the reason on the last line of the output, all
else a failure. The environment has CRTOOLS (the binary), PEER (CRIU's wrapper, empty if there is
none), TESTDIR (a fresh folder, the working directory too), WORKLOADS (the compiled workloads)
and SOURCE (the top of the sources). The same "wl:" lines as in workloads are understood: needs,
timeout, lane, idle, and "tier quick" for what runs in seconds and without root."""

import os
import subprocess

from . import system
from .metadata import Metadata
from .result import Failure, Skip

FOLDERS = ("app", "fault", "cli", "interop")  # those that take long begin early


class Script:
    one_of_many = False  # what it does to its namespaces is its own affair

    def __init__(self, top, folder, name, environment):
        self.path = os.path.join(top, "test", folder, name)
        self.name = f"{folder}/{name.removesuffix('.py').removesuffix('.sh')}"
        self.meta = Metadata(self.path)
        self.needs = self.meta.needs
        self.timeout = self.meta.timeout or 300.0
        self.environment = environment

    def run(self, folder, _build_error):
        output = os.path.join(folder, "output")
        testdir = os.path.join(folder, "dir")
        os.mkdir(testdir)
        with open(output, "wb") as out:
            proc = subprocess.Popen(
                [self.path], cwd=testdir, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, **self.environment, "TESTDIR": testdir})
        proc.returncode = 0
        status = system.wait_child(proc.pid, self.timeout)
        text = system.read_text(output) or ""
        lines = text.strip().splitlines()
        if status is None:
            raise Failure("did not end in time", "\n".join(lines[-40:]))
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 77:
            raise Skip(lines[-1] if lines else "no reason given")
        if status != 0:
            raise Failure(system.describe_status(status), "\n".join(lines[-40:]))


def _is_script(path):
    with open(path, "rb") as f:
        return f.read(2) == b"#!"


def find(top, environment, folders=FOLDERS):
    found = []
    for folder in folders:
        path = os.path.join(top, "test", folder)
        for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
            full = os.path.join(path, name)
            if os.path.isfile(full) and os.access(full, os.X_OK):
                found.append(Script(top, folder, name, environment))
            elif os.path.isfile(full) and _is_script(full):
                raise ValueError(f"{full} would never be run: it is not executable")
    return found
