#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A file that a dumped process has open, or mapped, is changed between dump and restore: it has
grown, shrunk, become a directory, lost its name, has other permissions, is another build of the
same size (--file-validation buildid), or has other contents (checksum). The restore is refused,
says which file it is, what has changed and what to do, and leaves no task behind; where that is
another option, it succeeds with it. It does, too, when nothing has changed that was to be compared.

wl: needs root
wl: areas files migration"""

import os
import shutil
import struct
import subprocess

import dumped

READER = """
import os, sys, mmap, time
path, mapped = sys.argv[1:]
fd = os.open(path, os.O_RDWR)
if int(mapped):
    area = mmap.mmap(fd, 0, access=mmap.ACCESS_COPY)
    os.close(fd)
else:
    os.read(fd, 10)
open("ready", "w").close()
while True:
    time.sleep(10)
"""
DATA = b"0123456789" * 100


def note(build_id):
    """An ELF file of nothing but a build id: header, one PT_NOTE segment, the note."""
    body = struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 120, 120, len(body), len(body), 4)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1,
                       64, 0, 0)
    return head + segment + body + bytes(4096)


def grow(path):
    with open(path, "ab") as f:
        f.write(b"more")


def shrink(path):
    os.truncate(path, os.stat(path).st_size - 1)


def to_directory(path):
    os.unlink(path)
    os.mkdir(path)


def other_build(path):
    with open(path, "r+b") as f:
        f.write(note(b"b" * 20))


def replace(path):
    os.rename(path, path + ".old")
    shutil.copy(path + ".old", path)


def rewrite(path):
    with open(path, "r+b") as f:
        f.write(b"x" * 10)


def change_mode(path):
    os.chmod(path, 0o600)


PUT_BACK = "put it back as it was at the dump"
OR_SIZES = f"{PUT_BACK}, or compare nothing but sizes: --file-validation filesize"
SIZE = f"its size was {len(DATA)} and is "
CASES = [
    # what, contents, the change, validation, what a refusal says and advises (None: there is none)
    ("unchanged", DATA, lambda path: None, "filesize", None),
    ("grown", DATA, grow, "filesize", (SIZE + str(len(DATA) + 4), PUT_BACK + "\n")),
    ("shrunk", DATA, shrink, "filesize", (SIZE + str(len(DATA) - 1), PUT_BACK + "\n")),
    ("a directory", DATA, to_directory, "filesize", ("and is a directory", PUT_BACK + "\n")),
    ("gone", DATA, os.unlink, "filesize", ("is missing", "bring it to the place")),
    ("replaced by one of the same size", DATA, replace, "filesize", None),
    ("rewritten", DATA, rewrite, "filesize", None),
    ("of another build", note(b"a" * 20), other_build, "buildid",
     (f"its build id was {b'a'.hex() * 20} and is {b'b'.hex() * 20}", OR_SIZES)),
    ("of another build, by size", note(b"a" * 20), other_build, "filesize", None),
    ("of the same build", note(b"a" * 20), replace, "buildid", None),
    ("grown, by build id but none in it", DATA, grow, "buildid",
     (SIZE + str(len(DATA) + 4), PUT_BACK + "\n")),
    ("unchanged, by checksum", DATA, lambda path: None, "checksum", None),
    ("replaced by its copy, by checksum", DATA, replace, "checksum", None),
    ("rewritten, by checksum", DATA, rewrite, "checksum",
     ("its contents are not what they were", OR_SIZES)),
    ("grown, by checksum", DATA, grow, "checksum",
     (SIZE + str(len(DATA) + 4), PUT_BACK + "\n")),
    ("of another mode", DATA, change_mode, "filesize",
     ("its mode was 0640 and is 0600", "--skip-file-rwx-check")),
]


def one(folder, contents, change, validation, refusal, mapped):
    os.mkdir(folder)
    os.chdir(folder)
    name = "the file"
    path = os.path.abspath(name)
    with open(path, "wb") as f:
        f.write(contents)
    os.chmod(path, 0o640)
    tree = dumped.python(READER, path, int(mapped))
    dumped.await_true("the program's start", lambda: os.path.exists("ready"))
    tree.must_dump("--file-validation", validation)
    change(path)
    said = tree.restore("--file-validation", validation)
    if refusal:
        dumped.check(not said, "the restore was not refused")
        for text in (path, *refusal):
            dumped.check(text in said.text + "\n", f"the refusal lacks {text!r}:\n{said.text}")
        tree.check_gone()
        if "--skip-file-rwx-check" in refusal[1]:
            tree.must_restore("--skip-file-rwx-check")
        elif "--file-validation filesize" in refusal[1]:
            tree.must_restore("--file-validation", "filesize")
    else:
        dumped.check(said, f"the restore was refused:\n{said.text[-2000:]}")
        dumped.check(tree.alive(), "the task is not there")
    tree.end()


def below_readonly_mount():
    """Writable at the dump, on a mount for reading afterwards: not only when it is opened."""
    os.mkdir("mounted")
    subprocess.run(["mount", "--bind", "mounted", "mounted"], check=True)
    with open("mounted/file", "wb") as f:
        f.write(DATA)
    tree = dumped.python(READER, os.path.abspath("mounted/file"), 0)
    dumped.await_true("the program's start", lambda: os.path.exists("ready"))
    tree.must_dump()
    subprocess.run(["mount", "-o", "remount,bind,ro", "mounted"], check=True)
    said = tree.restore()
    dumped.check(not said and "can't be opened for writing: Read-only file system" in said.text,
                 f"the refusal doesn't say why:\n{said.text[-2000:]}")
    dumped.check("restore-fork" not in said.text, "it was noticed after the fork")
    subprocess.run(["mount", "-o", "remount,bind,rw", "mounted"], check=True)
    tree.must_restore()
    tree.end()
    os.unlink("ready")


def runs_as_program():
    """Open for writing in the tree, and another process' program at the restore."""
    os.mkdir("running")
    os.chdir("running")
    shutil.copy("/bin/sleep", "program")
    tree = dumped.python("import os, sys, time; f = os.open(sys.argv[1], os.O_RDWR);"
                         "open('ready', 'w'); time.sleep(1000)", os.path.abspath("program"))
    dumped.await_true("the program's start", lambda: os.path.exists("ready"))
    tree.must_dump()
    with subprocess.Popen(["./program", "1000"], stdin=subprocess.DEVNULL) as other:
        said = tree.restore()
        other.kill()
    dumped.check(not said and f"the file {os.path.abspath('program')}, which is open for writing"
                 in said.text and "is the program of a process by now" in said.text, said.text)
    tree.check_gone()
    tree.must_restore()
    tree.end()
    os.chdir("..")


def main():
    dumped.begin()
    top = os.getcwd()
    below_readonly_mount()
    runs_as_program()
    failed = []
    for number, (what, contents, change, validation, refusal) in enumerate(CASES):
        for mapped in (False, True):
            os.chdir(top)
            try:
                one(f"{number}-{mapped:d}", contents, change, validation, refusal, mapped)
            except SystemExit as e:
                failed.append(f"{'mapped' if mapped else 'open'} file, {what}: {e}")
    if failed:
        dumped.fail("\n".join(failed))


main()
