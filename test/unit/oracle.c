/* SPDX-License-Identifier: Apache-2.0 */
/* See oracle.h. What protoc-c generates is found by name, as it has no list of it. */
#include "oracle.h"

#include <dlfcn.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ProtobufCMessageDescriptor *find(const char *message)
{
	const ProtobufCMessageDescriptor *found;
	char symbol[256];

	snprintf(symbol, sizeof(symbol), "%s__descriptor", message);
	found = dlsym(RTLD_DEFAULT, symbol);
	if (!found) {
		fprintf(stderr, "protobuf-c has no %s\n", message);
		abort();
	}
	return found;
}

size_t oracle_size(const char *message)
{
	return find(message)->sizeof_message;
}

size_t oracle_fields(const char *message)
{
	return find(message)->n_fields;
}

struct oracle_field oracle_field(const char *message, size_t i)
{
	const ProtobufCFieldDescriptor *f = &find(message)->fields[i];
	const char *type = "";

	if (f->type == PROTOBUF_C_TYPE_MESSAGE)
		type = ((const ProtobufCMessageDescriptor *)f->descriptor)->name;
	return (struct oracle_field){
		f->name, type, f->id, f->label, f->type, f->offset, f->quantifier_offset
	};
}

void oracle_init(const char *message, void *to)
{
	protobuf_c_message_init(find(message), to);
	((ProtobufCMessage *)to)->descriptor = NULL;
}

const char *oracle_enum_name(const char *message, size_t i, int value)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(find(message)->fields[i].descriptor, value);

	return v ? v->name : NULL;
}

size_t oracle_repack(const char *message, const uint8_t *wire, size_t len, uint8_t **ret_bytes)
{
	ProtobufCMessage *msg = protobuf_c_message_unpack(find(message), NULL, len, wire);

	if (!msg) {
		fprintf(stderr, "protobuf-c can't read a %s\n", message);
		abort();
	}
	*ret_bytes = malloc(protobuf_c_message_get_packed_size(msg) + 1);
	len = protobuf_c_message_pack(msg, *ret_bytes);
	protobuf_c_message_free_unpacked(msg, NULL);
	return len;
}
