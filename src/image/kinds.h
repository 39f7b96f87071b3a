/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of image files, from kinds.def. */
#ifndef IMAGE_KINDS_H
#define IMAGE_KINDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/message.h"

enum image_kind {
#define KIND(id, name, pattern, magic1, magic2, first, next, framing, payload) IMAGE_##id,
#include "image/kinds.def"
#undef KIND
	IMAGE_KIND_COUNT
};

enum image_framing {
	FRAMING_SINGLE,	   /* one message */
	FRAMING_MANY,	   /* any number of messages of one type */
	FRAMING_HEAD_MANY, /* one message of the first type, any number of the second */
	FRAMING_RAW,	   /* no header, no messages: somebody else's bytes */
};

/* What follows a message in the file. */
enum image_payload {
	PAYLOAD_NONE,
	PAYLOAD_PIPE,	/* pipe_data_entry.bytes */
	PAYLOAD_PACKET, /* sk_packet_entry.length */
	PAYLOAD_BPF,	/* keys_bytes + values_bytes */
	PAYLOAD_TCP,	/* inq_len, then outq_len */
	PAYLOAD_GHOST,	/* to the end of file, or chunks of {ghost_chunk_entry, len bytes} */
	PAYLOAD_SHM,	/* size rounded up to 4, unless in_pagemaps */
	PAYLOAD_SEM,	/* nsems 16-bit values, rounded up to 8 bytes */
	PAYLOAD_MSG,	/* qnum times {ipc_msg, msize bytes rounded up to 8} */
};

struct image_kind_info {
	const char *name;	 /* as crit prints it: "PSTREE" */
	const char *pattern;	 /* "core-%u.img"; %u decimal, %x lower-case hexadecimal */
	uint32_t magic1, magic2; /* magic2 0: only one word; both 0: raw */
	const struct message_type *first, *next;
	enum image_framing framing;
	enum image_payload payload;
};

#define IMAGE_NAME_SIZE	    64
#define IMAGE_MAGIC_COMMON  0x54564319u
#define IMAGE_MAGIC_SERVICE 0x55105940u

const struct image_kind_info *image_kind_info(enum image_kind kind);
/* The file name; key is ignored where the pattern has none. Returns buf. */
const char *image_kind_file(enum image_kind kind, uint64_t key, char buf[IMAGE_NAME_SIZE]);
/* From a file name (no directory); false: not the name of an image. ret_key may be NULL. */
bool image_kind_by_file(const char *file, enum image_kind *ret_kind, uint64_t *ret_key);
/* From the first two words of a file; the first kind of those that share a word. */
bool image_kind_by_magic(uint32_t word1, uint32_t word2, enum image_kind *ret_kind);
/* From crit's name. */
bool image_kind_by_name(const char *name, enum image_kind *ret_kind);
/* Service images (stats, irmap cache) live in the work directory, not in the image set. */
bool image_kind_is_service(enum image_kind kind);

#endif
