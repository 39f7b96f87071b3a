/* SPDX-License-Identifier: Apache-2.0 */
/* See message.h. */
#include "image/message.h"

#include <string.h>

void message_init(const struct message_type *type, ProtobufCMessage *msg)
{
	const struct message_field *f = message_fields_of(type);

	memset(msg, 0, type->size);
	msg->descriptor = type;
	for (unsigned i = 0; type->has_initials && i < type->n_fields; i++, f++) {
		const int64_t *initial = &message_initials[f->initial];

		if (f->initial) /* little endian */
			memcpy((char *)msg + f->offset, initial, message_kind_size(f->kind));
	}
}

const struct message_field *message_field(const struct message_type *type, uint32_t number)
{
	const struct message_field *fields = message_fields_of(type);
	size_t low = 0, high = type->n_fields;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (fields[middle].number == number)
			return &fields[middle];
		if (fields[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct message_field *message_field_by_name(const struct message_type *type, const char *name)
{
	const struct message_field *fields = message_fields_of(type);

	for (unsigned i = 0; i < type->n_fields; i++)
		if (!strcmp(field_name(&fields[i]), name))
			return &fields[i];
	return NULL;
}

/* Most enums have the values 0 to n - 1. */
const char *enum_name(const struct message_enum *e, int32_t number)
{
	const struct message_value *values = &message_values[e->first_value];

	if (number >= 0 && number < e->n_values && values[number].number == number)
		return &message_names[values[number].name];
	for (unsigned i = 0; i < e->n_values; i++)
		if (values[i].number == number)
			return &message_names[values[i].name];
	return NULL;
}

const struct message_value *enum_value_by_name(const struct message_enum *e, const char *name)
{
	const struct message_value *values = &message_values[e->first_value];

	for (unsigned i = 0; i < e->n_values; i++)
		if (!strcmp(&message_names[values[i].name], name))
			return &values[i];
	return NULL;
}
