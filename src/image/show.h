/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON and the text of an image share. */
#ifndef IMAGE_SHOW_H
#define IMAGE_SHOW_H

#include "image/render.h"

/* One value of a field, as pretty JSON. */
int render_value(FILE *out, const struct message_type *desc, const struct message_field *f,
		 const void *member, bool hex);
/* Are all integers of the message in this field shown in hexadecimal. */
bool render_hex_inside(const struct message_type *desc, const struct message_field *f);
bool render_is_set(const ProtobufCMessage *msg, const struct message_field *f);

#endif
