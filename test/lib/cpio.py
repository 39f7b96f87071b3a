# SPDX-License-Identifier: Apache-2.0
"""Archives as the kernel takes them for its first root (newc, see initramfs/buffer-format in the
kernel's documentation). Several in a row are one, if each begins at a multiple of four."""

import os
import stat


class Archive:
    """Everything belongs to root. A folder is made with the first that is put into it."""

    def __init__(self, out):
        self.out = out
        self.number = 0
        self.known = {""}

    def _entry(self, name, mode, data=b"", mtime=0, device=(0, 0)):
        self.number += 1
        encoded = os.fsencode(name) + b"\0"
        fields = (self.number, mode, 0, 0, 1, mtime, len(data), 0, 0, *device, len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        self.out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))

    def _folders(self, name):
        folder = os.path.dirname(name)
        if folder not in self.known:
            self._folders(folder)
            self.known.add(folder)
            self._entry(folder, stat.S_IFDIR | 0o755)

    def data(self, name, data, mode=0o644, mtime=0):
        self._folders(name)
        self._entry(name, stat.S_IFREG | mode, data, mtime)

    def text(self, name, text, mode=0o644):
        self.data(name, text.encode(), mode)

    def link(self, name, target):
        self._folders(name)
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor, mode=0o600):
        """A character device."""
        self._folders(name)
        self._entry(name, stat.S_IFCHR | mode, device=(major, minor))

    def copy(self, name, path):
        """A file, link or folder (without what is in it)."""
        st = os.lstat(path)
        if stat.S_ISLNK(st.st_mode):
            self.link(name, os.readlink(path))
        elif stat.S_ISREG(st.st_mode):
            with open(path, "rb") as f:
                self.data(name, f.read(), stat.S_IMODE(st.st_mode), int(st.st_mtime))
        elif stat.S_ISDIR(st.st_mode):
            self._folders(os.path.join(name, "x"))

    def tree(self, name, path, leave_out=lambda inside: False):
        """A folder with all that is below it, but for what leave_out() says of a path in it."""
        for top, folders, names in os.walk(path):
            inside = os.path.relpath(top, path)
            inside = "" if inside == "." else inside + "/"
            folders[:] = sorted(f for f in folders if not leave_out(inside + f))
            for entry in sorted(names) + [f for f in folders
                                          if os.path.islink(os.path.join(top, f))]:
                if not leave_out(inside + entry):
                    self.copy(os.path.join(name, inside + entry), os.path.join(top, entry))

    def end(self):
        self._entry("TRAILER!!!", 0)
