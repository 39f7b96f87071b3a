# SPDX-License-Identifier: Apache-2.0
"""Images as bytes, for the scripts beside: messages taken apart and put together again."""

import struct


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """[[number, value]] of a message: numbers, and bytes."""
    found, at = [], 0
    while at < len(data):
        key, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        found.append([key >> 3, value])
    return found


def pack(found):
    out = b""
    for number, value in found:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def changed(data, **numbers):
    """The message with other numbers: f6=1 sets field 6."""
    new = {int(name[1:]): value for name, value in numbers.items()}
    return pack([[n, new.get(n, value)] for n, value in fields(data)] +
                [[n, value] for n, value in new.items() if n not in dict(fields(data))])


def frames(data):
    """The messages of an image, behind its two words."""
    at, found = 8, []
    while at < len(data):
        size, = struct.unpack_from("<I", data, at)
        found.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return found
