/* SPDX-License-Identifier: Apache-2.0 */
/* What protobuf-c makes of the same .proto files, to hold ours against. Messages go by the names of
 * their types, as in message_names; what is asked for has to be there. */
#ifndef TEST_ORACLE_H
#define TEST_ORACLE_H

#include <stddef.h>
#include <stdint.h>

struct oracle_field {
	const char *name, *type; /* of the message or the enum, or "" */
	size_t number, label, kind, offset, quantifier;
};

size_t oracle_size(const char *message);
size_t oracle_fields(const char *message);
struct oracle_field oracle_field(const char *message, size_t i);
/* A message that nobody has set anything of, without the pointer to its type. */
void oracle_init(const char *message, void *to);
/* NULL: the enum in that field has no such value. */
const char *oracle_enum_name(const char *message, size_t i, int value);
/* Unpacks and packs; the bytes are the caller's to free. */
size_t oracle_repack(const char *message, const uint8_t *wire, size_t len, uint8_t **ret_bytes);

#endif
