/* SPDX-License-Identifier: Apache-2.0 */
/* How crit shows fields: annotations.def and the names of bits and numbers. */
#ifndef IMAGE_MAPS_H
#define IMAGE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bits, or numbers; a NULL name ends the list. */
struct image_map {
	uint64_t value;
	const char *name;
};

enum image_show {
	SHOW_PLAIN,
	SHOW_HEX,
	SHOW_FLAGS,
	SHOW_DICT,
	SHOW_DEV,
	SHOW_ODEV,
	SHOW_ADDRESS, /* a repeated field: one IPv4 word or four IPv6 words */
	SHOW_QUOTED,  /* bytes as quoted-printable text */
};

struct image_annotation {
	const char *message, *field;
	enum image_show show;
	const struct image_map *map;
};

/* NULL: none. */
const struct image_annotation *image_annotation(const char *message, const char *field);
/* NULL: the number has no name. */
const char *image_map_name(const struct image_map *map, uint64_t value);
bool image_map_value(const struct image_map *map, const char *name, size_t len,
		     uint64_t *ret_value);

#endif
