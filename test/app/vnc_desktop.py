#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A desktop: an X server that VNC shows, xterm on it with a shell, in one tree. The viewer stays
connected, outside. After each of five dumps the screen is the same to the pixel; xterm goes on
drawing what is typed by the viewer's keyboard, and a new X client can connect.

wl: needs root program:Xtigervnc program:xterm
wl: lane tty
wl: areas unix-sockets tcp tty sysv-ipc shm
wl: idle"""

import os
import socket
import struct
import tempfile
import time

import client
import cycles
from cycles import check, dumped, system

WIDTH, HEIGHT = 600, 300
EDGE, FONT = 3, (6, 13)  # of xterm, and "fixed"
RETURN = 0xFF0D
TREE = """
Xtigervnc :$1 -geometry 600x300 -depth 24 -SecurityTypes None -rfbport $2 -localhost -nolisten tcp \
	-noreset &
until [ -S /tmp/.X11-unix/X$1 ]; do sleep 0.01; done
DISPLAY=:$1 PS1='$ ' xterm -geometry 80x20+0+0 -fn fixed -e bash --norc --noprofile --noediting -i &
wait
"""


class Viewer:
    """Of the protocol RFB 3.8: pixels of four bytes, not compressed."""

    def __init__(self, port):
        self.sock = client.connect(port)
        self.file = self.sock.makefile("rb")
        check(self.file.read(12).startswith(b"RFB 003.00"), "no server of VNC answers")
        self.sock.sendall(b"RFB 003.008\n")
        check(1 in self.file.read(self.file.read(1)[0]), "the server wants a password")
        self.sock.sendall(b"\1")
        check(self.file.read(4) == bytes(4), "the server does not let the viewer in")
        self.sock.sendall(b"\1")
        width, height, name = struct.unpack(">HH16xI", self.file.read(24))
        check((width, height) == (WIDTH, HEIGHT), f"the screen is {width}x{height}")
        self.file.read(name)
        self.sock.sendall(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8,
                                      0) + struct.pack(">BxHi", 2, 1, 0))

    def screen(self):
        """All of it, as it is now."""
        self.sock.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, WIDTH, HEIGHT))
        screen, missing = bytearray(WIDTH * HEIGHT * 4), WIDTH * HEIGHT
        while missing:
            check(self.file.read(1) == b"\0", "the server sends something else than an update")
            for _ in range(struct.unpack(">xH", self.file.read(3))[0]):
                x, y, w, h, encoding = struct.unpack(">HHHHi", self.file.read(12))
                check(encoding == 0, f"encoding {encoding} is not the one that was asked for")
                for line in range(y, y + h):
                    at = (line * WIDTH + x) * 4
                    screen[at:at + w * 4] = self.file.read(w * 4)
                missing -= w * h
        return bytes(screen)

    def point(self, x, y):
        self.sock.sendall(struct.pack(">BBHH", 5, 0, x, y))

    def type(self, text):
        for key in [ord(c) for c in text] + [RETURN]:
            self.sock.sendall(struct.pack(">BBxxI", 4, 1, key) + struct.pack(">BBxxI", 4, 0, key))

    def await_prompt(self, row):
        """The screen, once xterm has drawn its cursor behind a prompt there, a block: the keyboard
        is its own."""
        def drawn():
            nonlocal screen
            screen = self.screen()
            middle = ((EDGE + row * FONT[1] + FONT[1] // 2) * WIDTH + EDGE + 2 * FONT[0]) * 4
            return screen[middle:middle + FONT[0] * 4] == bytes(FONT[0] * 4)

        screen = b""
        dumped.await_true("xterm's prompt", drawn)
        return screen


def free_display():
    return next(n for n in range(100, 1000) if not os.path.exists(f"/tmp/.X{n}-lock")
                and not os.path.exists(f"/tmp/.X11-unix/X{n}"))


def await_keyboard(viewer):
    """Keys and moves come to xterm once it is there. In the end it is empty but for a prompt."""
    def typed():
        viewer.point(60, 60)
        viewer.point(50, 50)
        viewer.type("printf '\\033[H\\033[2J'; echo >ready")
        deadline = time.monotonic() + 1
        while not os.path.exists("ready") and time.monotonic() < deadline:
            time.sleep(0.01)
        return os.path.exists("ready")

    dumped.await_true("the keyboard", typed)


def say(viewer, number):
    """Something new in the terminal; its screen afterwards."""
    viewer.type(f"echo $((40+{number})) >said")
    dumped.await_true("what was typed", lambda: system.read_text("said") == f"{40 + number}\n")
    return viewer.await_prompt(number + 1)


def main():
    cycles.begin()
    display, port = free_display(), client.free_port()
    with tempfile.TemporaryDirectory() as here:
        os.chdir(here)
        os.environ["HOME"] = here
        desktop = cycles.App(["bash", "-c", TREE, "desktop", str(display), str(port)])
        viewer = Viewer(port)
        await_keyboard(viewer)
        before = say(viewer, 0)
        for number in range(1, 1 + cycles.CYCLES):
            desktop.cycle("--tcp-established")
            after = viewer.screen()
            different = sum(before[i:i + 4] != after[i:i + 4] for i in range(0, len(before), 4))
            check(before == after, f"after {number} dumps, {different} pixels are different")
            before = say(viewer, number)
            check(before != after, f"after {number} dumps, nothing is drawn")
        cycles.run(["xterm", "-display", f":{display}", "-fn", "fixed", "-e", "true"])
        desktop.end()
    for path in (f"/tmp/.X{display}-lock", f"/tmp/.X11-unix/X{display}"):
        if os.path.lexists(path):
            os.unlink(path)


main()
