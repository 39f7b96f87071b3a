#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes C of the .proto files: a struct for each message, named as protobuf-c would, and the tables
that image/message.h tells of.

    compile.py entries.h entries.c FILE.proto...

What the .proto files of this folder say is understood, and anything else is an error: messages
with scalars, enums and messages as fields, defaults of numbers, enums in messages."""

import re
import sys

SCALARS = {
    "int32": "int32_t", "sint32": "int32_t", "sfixed32": "int32_t",
    "int64": "int64_t", "sint64": "int64_t", "sfixed64": "int64_t",
    "uint32": "uint32_t", "fixed32": "uint32_t", "uint64": "uint64_t", "fixed64": "uint64_t",
    "float": "float", "double": "double", "bool": "protobuf_c_boolean",
    "string": "char *", "bytes": "ProtobufCBinaryData",
}
IGNORED = re.compile(r'(syntax = "proto2"|import "[^"]+"|reserved [^;]+);')
BEGIN = re.compile(r"(message|enum) (\w+) \{")
VALUE = re.compile(r"(\w+) = (\w+);")
FIELD = re.compile(r"(required|optional|repeated) (\w+) (\w+) = (\d+)(?: \[default = (-?\w+)\])?;")


class Enum:
    def __init__(self, name, outer):
        self.name = name
        self.c_name = (outer.c_name + "__" if outer else "") + camel(name)
        self.symbol = (outer.symbol + "__" if outer else "") + words(name)
        self.values = []  # name, number

    def constant(self, value):
        return f"{self.symbol.upper()}__{value}"


class Message:
    def __init__(self, name):
        self.name, self.symbol, self.c_name = name, words(name), camel(name)
        self.fields = []
        self.enums = {}


class Field:
    def __init__(self, label, type_name, name, number, default):
        self.label, self.type_name, self.name = label, type_name, name
        self.number, self.default = int(number), default
        self.type = None  # an Enum or a Message, where it is no scalar

    def kind(self):
        if self.type:
            return "enum" if isinstance(self.type, Enum) else "message"
        return self.type_name

    def c_type(self):
        """As it stands in front of a name."""
        text = self.type.c_name if self.type else SCALARS[self.type_name]
        return text + " *" if self.kind() == "message" else text + " " * (text[-1] != "*")

    def quantifier(self):
        """The member beside it that tells whether it is there, or how often."""
        if self.label == "repeated":
            return "n_" + self.name
        if self.label == "optional" and self.kind() not in ("string", "message"):
            return "has_" + self.name
        return None

    def initial(self):
        """The value of one that nobody has set, as a constant, or None: zero."""
        if self.label == "repeated":
            return None
        if self.kind() == "enum":
            value = self.default or self.type.values[0][0]
            return self.type.constant(value) if dict(self.type.values)[value] else None
        text = {"true": "1", "false": "0"}.get(self.default, self.default)
        return text if text and int(text, 0) else None


def camel(name):
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def words(name):
    """TtyType -> tty_type"""
    return re.sub(r"(?<=[^A-Z_])(?=[A-Z])", "_", name).lower()


def parse(path):
    """Messages and enums of a file, in its order. A line says one thing."""
    with open(path, encoding="utf-8") as file:
        lines = [line.split("//")[0].strip() for line in file]
    found, blocks = [], []
    for number, line in enumerate(lines, 1):
        block = blocks[-1] if blocks else None
        begin, value, field = BEGIN.fullmatch(line), VALUE.fullmatch(line), FIELD.fullmatch(line)
        if begin:
            made = Message(begin[2]) if begin[1] == "message" else Enum(begin[2], block)
            if block:
                block.enums[made.name] = made
            found.append(made)
            blocks.append(made)
        elif isinstance(block, Enum) and value:
            block.values.append((value[1], int(value[2], 0)))
        elif isinstance(block, Message) and field:
            block.fields.append(Field(*field.groups()))
        elif block and line == "}":
            blocks.pop()
        elif line and not IGNORED.fullmatch(line):
            sys.exit(f"{path}:{number}: not understood: {line}")
    return found


def resolve(messages, enums):
    """Finds what the fields' types name."""
    top = {x.name: x for x in messages + enums if "__" not in x.c_name}
    for message in messages:
        for field in message.fields:
            field.type = message.enums.get(field.type_name) or top.get(field.type_name)
            if not field.type and field.type_name not in SCALARS:
                sys.exit(f"{message.name}.{field.name}: there is no type {field.type_name}")
            if field.default and field.kind() in ("string", "bytes"):
                sys.exit(f"{message.name}.{field.name}: only numbers have a default")


def declare_enum(enum):
    yield "typedef enum {"
    for name, number in enum.values:
        yield f"\t{enum.constant(name)} = {number},"
    yield f"\t{enum.symbol.upper()}__AN_INT = INT32_MAX,"
    yield f"}} {enum.c_name};"


def declare_message(message, index):
    yield f"struct {message.c_name} {{"
    yield "\tProtobufCMessage base;"
    for field in message.fields:
        quantifier, stars = field.quantifier(), "*" * (field.label == "repeated")
        if quantifier:
            yield f"\t{'size_t' if stars else 'protobuf_c_boolean'} {quantifier};"
        yield f"\t{field.c_type()}{stars}{field.name};"
    yield "};"
    yield f"#define {message.symbol}__descriptor message_types[{index}]"
    yield f"#define {message.symbol.upper()}__INIT \\"
    yield f"\t{{ .base.descriptor = &message_types[{index}], \\"
    for field in message.fields:
        if field.initial():
            yield f"\t  .{field.name} = {field.initial()}, \\"
    yield "\t}"
    yield f"static inline void {message.symbol}__init({message.c_name} *m)"
    yield f"{{\n\tmessage_init(&message_types[{index}], &m->base);\n}}"


def header(messages, enums):
    yield "/* Made by compile.py. */"
    yield "#ifndef IMAGE_PROTO_ENTRIES_H\n#define IMAGE_PROTO_ENTRIES_H\n"
    yield '#include "image/message.h"\n'
    for message in messages:
        yield f"typedef struct {message.c_name} {message.c_name};"
    for enum in enums:
        yield ""
        yield from declare_enum(enum)
        if "__" not in enum.symbol:
            yield f"#define {enum.symbol}__descriptor message_enums[{enums.index(enum)}]"
    for index, message in enumerate(messages):
        yield ""
        yield from declare_message(message, index)
    yield "\n#endif"


class Names:
    """All names one behind the other, each once."""

    def __init__(self):
        self.at, self.end = {}, 0

    def place(self, name):
        if name not in self.at:
            self.at[name] = self.end
            self.end += len(name) + 1
        return self.at[name]

    def lines(self):
        yield "const char message_names[] ="
        for name in self.at:
            yield f'\t"{name}\\0"'
        yield "\t;"


def type_row(message, first, names):
    defaults = int(any(field.initial() for field in message.fields))
    return (f"\t{{ {names.place(message.name)}, sizeof({message.c_name}), {first}, "
            f"{len(message.fields)}, {defaults} }},")


def field_row(message, field, names, places, initials):
    quantifier, initial = field.quantifier(), 0
    if field.initial():
        initial = len(initials)
        initials.append(field.initial())
    at = f"offsetof({message.c_name}, {quantifier})" if quantifier else "0"
    return (f"\t{{ {names.place(field.name)}, {field.number}, "
            f"offsetof({message.c_name}, {field.name}), {at}, "
            f"{places[field.type] if field.type else 0}, {initial}, "
            f"PB_{field.label.upper()}, PB_{field.kind().upper()} }},")


def source(messages, enums):
    places = {x: i for kind in (messages, enums) for i, x in enumerate(kind)}
    names, types, fields, initials = Names(), [], [], ["0"]
    for message in messages:
        types.append(type_row(message, len(fields), names))
        for field in sorted(message.fields, key=lambda field: field.number):
            fields.append(field_row(message, field, names, places, initials))
    kinds, values = [], []
    for enum in enums:
        kinds.append(f"\t{{ {len(values)}, {len(enum.values)} }},")
        for name, number in sorted(enum.values, key=lambda value: value[1]):
            values.append(f"\t{{ {names.place(name)}, {number} }},")
    yield "/* Made by compile.py. */"
    yield '#include "image/proto/entries.h"\n'
    yield "#include <stddef.h>\n"
    for what, rows in (("type", types), ("field", fields), ("enum", kinds), ("value", values)):
        yield f"const struct message_{what} message_{what}s[] = {{"
        yield from rows
        yield "};\n"
    yield f"const int64_t message_initials[] = {{ {', '.join(initials)} }};"
    yield f"const size_t n_message_types = {len(types)};\n"
    yield from names.lines()


def main():
    header_path, source_path, *paths = sys.argv[1:]
    found = [made for path in paths for made in parse(path)]
    messages = [made for made in found if isinstance(made, Message)]
    enums = [made for made in found if isinstance(made, Enum)]
    resolve(messages, enums)
    for path, lines in ((header_path, header(messages, enums)),
                        (source_path, source(messages, enums))):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
