#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A guest that panics, hangs or runs out of time loses nothing but what ran in it: that is run once
more, alone, and has failed if its guest dies again; all other tests go on in a new guest.

wl: tier quick
wl: areas arch"""

import os
import sys
import types

sys.path.insert(0, os.path.join(os.environ["SOURCE"], "test"))
sys.dont_write_bytecode = True

from lib import guest, lane  # noqa: E402
from lib.result import Failure  # noqa: E402
from lib.telling import Teller, Told  # noqa: E402

ALL = ["a", "deadly", "c", "flaky", "e"]


def guests(deadly, flaky, end, mute):
    """A Guest that runs two tests at a time, and dies of some of them, of the flaky one once. So
    many of the first as mute says do not come to a test."""
    class Fake:
        starts = []

        def __init__(self, _kernel, _folder, _disk, _processors):
            pass

        def run(self, load, words, _limit, hear):
            names = list(load.only if load.only is not None else ALL)
            Fake.starts.append(names)
            if len(Fake.starts) <= mute:
                open("port", "wb").close()
                return Told("port"), "hung"
            jobs = int(words[words.index("-j") + 1])
            teller, told = Teller("port"), Told("port")
            teller.tell("planned", names)
            dies, running = "", []
            for name in names:
                running.append(name)
                teller.tell("started", name)
                if name in deadly or name in flaky:
                    flaky.discard(name)
                    dies = end
                    break
                if len(running) == jobs:
                    teller.tell("outcome", [running.pop(0), "pass", "", "", 1.0])
            for name in running if not dies else []:
                teller.tell("outcome", [name, "pass", "", "", 1.0])
            teller.out.write(b'["outcome", ["half a li')
            if not dies:
                teller.tell("ended", 0)
            teller.out.close()
            told.hear()
            hear(told)
            told.close()
            return told, dies

        def tail(self):
            return "the console"
    return Fake


def play(deadly, flaky, end, mute=0):
    if os.path.exists("results.json"):
        os.unlink("results.json")
    lane.Guest = guests(set(deadly), set(flaky), end, mute)
    load = types.SimpleNamespace(only=None)
    results = lane.Results("results.json", "linux", False)
    rounds = lane.Rounds(types.SimpleNamespace(name="x"), load, [], ".", 1.0, results)
    outcomes = rounds.run("disk")
    kinds = {name: (kind, text) for name, kind, text, *_ in outcomes}
    results = lane.Results("results.json", "linux", False)
    kept = {name: tuple(entry[:2]) for name, entry in results.data["outcomes"].items()}
    expect("what is kept", kept, kinds)
    expect("how many outcomes", len(outcomes), len(ALL))
    return kinds, lane.Guest.starts


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what} is\n{found}, expected\n{wanted}")


kinds, starts = play([], [], "")
expect("a run without deaths", kinds, {name: ("pass", "") for name in ALL})
expect("its guests", starts, [ALL])

kinds, starts = play(["deadly"], ["flaky"], "panic: oh")
expect("a run with deaths", kinds, {**{name: ("pass", "") for name in ALL},
                                    "deadly": ("fail", "the guest died in it (panic: oh)")})
# The one that ran beside, and the flaky one, come to their end alone.
expect("its guests", starts, [ALL, ["c", "flaky", "e"], ["e"], ["a", "deadly", "c", "flaky"],
                              ["c", "flaky"]])

kinds, _ = play(["deadly"], [], guest.OVER)
expect("a run without time", {kind for kind, _ in kinds.values()}, {"fail"})

kinds, starts = play([], [], "", mute=1)
expect("a run after a guest that did not start", kinds, {name: ("pass", "") for name in ALL})
try:
    play([], [], "", mute=2)
    sys.exit("no guest starts, and nothing fails")
except Failure as failure:
    expect("why", failure.text, "the guest came to no end (hung)")
