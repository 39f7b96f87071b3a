/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one JSON document to a stream, in order, without building it in memory. Inside objects
 * every value has a key; inside arrays, and for the outermost value, key is NULL. Text that is not
 * UTF-8 (a file name may be anything) has each wrong byte replaced by U+FFFD, so that what comes
 * out is always valid.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	unsigned int indent; /* blanks a level; 0: all on one line */
	unsigned int depth;
	bool comma; /* the next value at this level needs one before it */
};

void json_begin(struct json *j, FILE *out, unsigned int indent);
/* The newline at the end, and the flush. Returns 0 or a negative errno of the stream. */
int json_end(struct json *j);

void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_string(struct json *j, const char *key, const char *value); /* NULL: null */
void json_int(struct json *j, const char *key, int64_t value);
void json_uint(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);
void json_null(struct json *j, const char *key);
__attribute__((format(printf, 3, 4))) void json_printf(struct json *j, const char *key,
						       const char *fmt, ...);

#endif
