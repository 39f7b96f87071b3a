# SPDX-License-Identifier: Apache-2.0
"""What the runner in a guest tells the one outside, as it happens: a line of JSON for each event,
through a port of virtio's console. So what has been found out is not lost with the guest, and a
guest that has hung is known by its silence."""

import json
import time

ALIVE = 5.0  # seconds after which a line says that there is nothing to say


class Teller:
    """In the guest. Without a path it says nothing."""

    def __init__(self, path=None):
        self.out = open(path, "wb") if path else None  # for as long as the runner lives
        self.last = 0.0

    def tell(self, event, *what):
        if self.out:
            self.out.write(json.dumps([event, *what]).encode() + b"\n")
            self.out.flush()
            self.last = time.monotonic()

    def alive(self):
        if time.monotonic() > self.last + ALIVE:
            self.tell("alive")


class Told:
    """Outside: what has come through so far."""

    def __init__(self, path):
        self.file = open(path, "rb")  # closed by close()
        self.rest = b""
        self.planned = []  # names of all tests that the guest is to run
        self.running = []
        self.first = {}  # what failed at first: the reason, and logs
        self.outcomes = []  # name, kind, text, details, seconds
        self.status = None  # of the runner, once it has ended
        self.output = []  # lines that are no events: what the runner had to say at its end

    def hear(self):
        """Reads what is new; False if nothing was."""
        text = self.file.read()
        *lines, self.rest = (self.rest + text).split(b"\n")
        for line in lines:
            self._understand(line.decode(errors="replace"))
        return bool(text)

    def _understand(self, line):
        try:
            event, *what = json.loads(line)
        except (ValueError, TypeError):
            self.output.append(line)
            return
        if event == "planned":
            self.planned = what[0]
        elif event == "started":
            self.running.append(what[0])
        elif event == "again":  # it has failed, and comes once more when all others are done
            self._stopped(what[0])
            self.first[what[0]] = "\n".join(what[1:])
        elif event == "outcome":
            name, kind, text, details, seconds = what[0]
            self._stopped(name)
            if kind == "fail" and self.first.get(name):
                details += "\nat first: " + self.first[name]
            self.outcomes.append([name, kind, text, details, seconds])
        elif event == "ended":
            self.status = what[0]

    def _stopped(self, name):
        if name in self.running:
            self.running.remove(name)

    def close(self):
        self.file.close()
