/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text, byte for byte as Python's json.dumps writes it: with an indent of 4, or on one line
 * with ", " and ": " between. Non-ASCII text is escaped; bytes that are no UTF-8 become the lone
 * surrogates \udc80 to \udcff, as Python's surrogateescape has them. */
#ifndef IMAGE_JSONTEXT_H
#define IMAGE_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct jsontext {
	FILE *out;
	bool pretty;
	unsigned depth;
	bool empty; /* nothing was written yet on this level */
};

void jsontext_open(struct jsontext *j, char bracket);
void jsontext_close(struct jsontext *j, char bracket);
/* Before an element of an array, and before a member's value. */
void jsontext_item(struct jsontext *j);
void jsontext_key(struct jsontext *j, const char *key);
void jsontext_string(struct jsontext *j, const char *s, size_t len);
void jsontext_text(struct jsontext *j, const char *s);
/* A string in pieces that need no escape but for newlines. */
void jsontext_string_part(struct jsontext *j, const char *s, size_t len);

/* Base64 with a newline after every 76 characters and at the end; out has BASE64_SIZE(len). */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + (len) / 57 + 2)
size_t base64_encode(const void *data, size_t len, char *out);
/* Quoted-printable, as Python's quopri writes it; out has room for 4 * len + 8. */
size_t quoted_encode(const uint8_t *data, size_t len, char *out);

#endif
