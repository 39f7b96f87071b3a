/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that crit has for bits and numbers. O_* are those of x86 whatever the machine is; the
 * task states differ from what the numbers mean (2 dead, 3 stopped): crit's text is kept as it is.
 */
#include "image/maps.h"

#include <string.h>

static const struct image_map map_mmap_prot[] = {
	{ 0x1, "PROT_READ" },
	{ 0x2, "PROT_WRITE" },
	{ 0x4, "PROT_EXEC" },
	{ 0, NULL },
};

static const struct image_map map_mmap_flags[] = {
	{ 0x1, "MAP_SHARED" }, { 0x2, "MAP_PRIVATE" },	   { 0x8, "MAP_DROPPABLE" },
	{ 0x20, "MAP_ANON" },  { 0x100, "MAP_GROWSDOWN" }, { 0, NULL },
};

static const struct image_map map_mmap_status[] = {
	{ 0x1, "VMA_AREA_REGULAR" },	{ 0x2, "VMA_AREA_STACK" },
	{ 0x4, "VMA_AREA_VSYSCALL" },	{ 0x8, "VMA_AREA_VDSO" },
	{ 0x20, "VMA_AREA_HEAP" },	{ 0x40, "VMA_FILE_PRIVATE" },
	{ 0x80, "VMA_FILE_SHARED" },	{ 0x100, "VMA_ANON_SHARED" },
	{ 0x200, "VMA_ANON_PRIVATE" },	{ 0x400, "VMA_AREA_SYSVIPC" },
	{ 0x800, "VMA_AREA_SOCKET" },	{ 0x1000, "VMA_AREA_VVAR" },
	{ 0x2000, "VMA_AREA_AIORING" }, { 0x4000, "VMA_AREA_MEMFD" },
	{ 0x8000, "VMA_AREA_SHSTK" },	{ 0x20000, "VMA_AREA_UPROBES" },
	{ 0x80000000, "VMA_UNSUPP" },	{ 0, NULL },
};

static const struct image_map map_rfile_flags[] = {
	{ 01, "O_WRONLY" },
	{ 02, "O_RDWR" },
	{ 0100, "O_CREAT" },
	{ 0200, "O_EXCL" },
	{ 0400, "O_NOCTTY" },
	{ 01000, "O_TRUNC" },
	{ 02000, "O_APPEND" },
	{ 04000, "O_NONBLOCK" },
	{ 010000, "O_DSYNC" },
	{ 020000, "FASYNC" },
	{ 040000, "O_DIRECT" },
	{ 0100000, "O_LARGEFILE" },
	{ 0200000, "O_DIRECTORY" },
	{ 0400000, "O_NOFOLLOW" },
	{ 01000000, "O_NOATIME" },
	{ 02000000, "O_CLOEXEC" },
	{ 0, NULL },
};

static const struct image_map map_seals_flags[] = {
	{ 0x1, "F_SEAL_SEAL" },	 { 0x2, "F_SEAL_SHRINK" },	  { 0x4, "F_SEAL_GROW" },
	{ 0x8, "F_SEAL_WRITE" }, { 0x10, "F_SEAL_FUTURE_WRITE" }, { 0, NULL },
};

static const struct image_map map_pmap_flags[] = {
	{ 0x1, "PE_PARENT" },
	{ 0x2, "PE_LAZY" },
	{ 0x4, "PE_PRESENT" },
	{ 0, NULL },
};

static const struct image_map map_gen_task_state[] = {
	{ 1, "Alive" },
	{ 3, "Zombie" },
	{ 6, "Stopped" },
	{ 0, NULL },
};

static const struct image_map map_sk_family[] = {
	{ 1, "UNIX" },	   { 2, "INET" },    { 10, "INET6" },
	{ 16, "NETLINK" }, { 17, "PACKET" }, { 0, NULL },
};

static const struct image_map map_sk_type[] = {
	{ 1, "STREAM" },    { 2, "DGRAM" },   { 3, "RAW" },
	{ 5, "SEQPACKET" }, { 10, "PACKET" }, { 0, NULL },
};

static const struct image_map map_sk_state[] = {
	{ 1, "ESTABLISHED" }, { 2, "SYN_SENT" },  { 3, "SYN_RECV" }, { 4, "FIN_WAIT1" },
	{ 5, "FIN_WAIT2" },   { 6, "TIME_WAIT" }, { 7, "CLOSE" },    { 8, "CLOSE_WAIT" },
	{ 9, "LAST_ACK" },    { 10, "LISTEN" },	  { 0, NULL },
};

static const struct image_map map_sk_proto[] = {
	{ 0, "IP" }, { 6, "TCP" }, { 17, "UDP" }, { 136, "UDPLITE" }, { 0, NULL },
};

static const struct image_annotation annotations[] = {
#define ANNOTATION(message, field, way, map) { #message, #field, SHOW_##way, map },
#include "image/annotations.def"
#undef ANNOTATION
};

const struct image_annotation *image_annotation(const char *message, const char *field)
{
	size_t low = 0, high = sizeof(annotations) / sizeof(annotations[0]);

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct image_annotation *a = &annotations[middle];
		int order = strcmp(message, a->message);

		if (!order)
			order = strcmp(field, a->field);
		if (!order)
			return a;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const char *image_map_name(const struct image_map *map, uint64_t value)
{
	for (; map->name; map++)
		if (map->value == value)
			return map->name;
	return NULL;
}

bool image_map_value(const struct image_map *map, const char *name, size_t len, uint64_t *ret_value)
{
	for (; map->name; map++) {
		if (strlen(map->name) != len || memcmp(map->name, name, len))
			continue;
		*ret_value = map->value;
		return true;
	}
	return false;
}
