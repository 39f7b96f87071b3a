# SPDX-License-Identifier: Apache-2.0
"""A file system whose server is this process, and answers only as long as it is told to: a folder
with one file. What the kernel asks stands in linux/fuse.h."""

import ctypes
import errno
import os
import struct
import threading

LOOKUP, FORGET, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH = 1, 2, 3, 14, 15, 17, 18, 25
INIT, OPENDIR, RELEASEDIR, ACCESS, INTERRUPT, BATCH_FORGET = 26, 27, 29, 34, 36, 42
ROOT, FILE = 1, 2
ENOSYS, ENOENT = 38, 2
NAME = b"file"


class Folder:
    """Mounted at a path until end(). hush(OPCODE, …): these are not answered from now on, or from
    the one on that comes behind so many; the kernel keeps nothing of what it was told, so each
    stat(2) asks again."""

    def __init__(self, path, content):
        self.path, self.content = path, content
        self.hushed = set()
        self.patience = 0
        self.asked = []  # what was not answered: (opcode, process)
        self.waiting = []  # the numbers of these requests
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        libc = ctypes.CDLL(None, use_errno=True)
        words = f"fd={self.fd},rootmode=40755,user_id=0,group_id=0,allow_other"
        if libc.mount(b"silent", os.fsencode(path), b"fuse.silent", 0, words.encode()):
            raise OSError(ctypes.get_errno(), "mount of fuse")
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def file(self):
        return os.path.join(self.path, NAME.decode())

    def hush(self, *opcodes, behind=0):
        self.patience = behind
        self.hushed = set(opcodes)

    def end_waiting(self):
        """Late answers, all of them errors."""
        for unique in self.waiting:
            try:
                os.write(self.fd, struct.pack("=IiQ", 16, -errno.EIO, unique))
            except OSError:
                pass
        self.waiting = []

    def end(self):
        """Whoever still waits is told that there is no server any more."""
        if self.fd < 0:
            return
        libc = ctypes.CDLL(None)
        libc.umount2(os.fsencode(self.path), 1 | 2)  # MNT_FORCE: all that is asked for is dropped
        self.thread.join()
        os.close(self.fd)
        self.fd = -1

    def _serve(self):
        while True:
            try:
                request = os.read(self.fd, 1 << 17)
            except OSError as error:  # ENOENT: who asked has been killed meanwhile
                if error.errno in (errno.ENOENT, errno.EINTR):
                    continue
                return  # ENODEV: unmounted
            _, opcode, unique, node, _, _, pid, _ = struct.unpack_from("=IIQQIIII", request)
            if opcode in self.hushed and self.patience == 0:
                self.asked.append((opcode, pid))
                self.waiting.append(unique)
                continue
            self.patience -= opcode in self.hushed
            if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
                continue
            answer = self._answer(opcode, node, request[40:])
            error, data = (-answer, b"") if isinstance(answer, int) else (0, answer)
            try:
                os.write(self.fd, struct.pack("=IiQ", 16 + len(data), error, unique) + data)
            except OSError:  # whoever asked was killed meanwhile
                pass

    def _attr(self, node):
        mode, size = (0o40755, 0) if node == ROOT else (0o100755, len(self.content))
        return struct.pack("=6Q10I", node, size, (size + 511) // 512, 1, 1, 1, 0, 0, 0, mode, 1,
                           0, 0, 0, 4096, 0)

    def _answer(self, opcode, node, body):
        if opcode == INIT:
            return struct.pack("=IIIIHHIIHHI7I", 7, 31, 65536, 0, 16, 12, 65536, 1, 16, 0, 0,
                               *[0] * 7)
        if opcode == LOOKUP:
            if node != ROOT or body.rstrip(b"\0") != NAME:
                return ENOENT
            return struct.pack("=QQQQII", FILE, 0, 0, 0, 0, 0) + self._attr(FILE)
        if opcode == GETATTR:
            return struct.pack("=QII", 0, 0, 0) + self._attr(node)
        if opcode in (OPEN, OPENDIR):
            return struct.pack("=QII", 1, 0, 0)
        if opcode == READ:
            offset, size = struct.unpack_from("=QI", body, 8)
            return self.content[offset:offset + size]
        if opcode == STATFS:
            return struct.pack("=5Q4I6I", 1, 1, 1, 1, 1, 4096, 255, 4096, 0, *[0] * 6)
        return b"" if opcode in (RELEASE, RELEASEDIR, FLUSH, ACCESS) else ENOSYS
