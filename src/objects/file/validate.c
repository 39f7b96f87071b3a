/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is recorded of a regular file, so that a restore can tell that it is still the one that the
 * program had open: mode, size, the GNU build id of ELF files, and with --file-validation checksum
 * the CRC-32C of all contents (the fields are reserved in CRIU's format, which does not write them).
 *
 * Files are read through a description of the tool's own: the task's position does not move, and
 * O_NOATIME leaves the access time alone. Opening would break a lease (fcntl(2) F_SETLEASE), so
 * files with one are read through the task's description, by pread(2).
 *
 * A build id is looked for as CRIU does: in the note segments that lie in the first MiB. A program
 * that watches its own files (inotify(7)) sees that they are opened; that of a mapped file is read
 * in its task's memory, which nobody sees.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"
#include "objects/file/file.h"

#define BUILD_ID_REACH	      (1u << 20)
#define NOTES_MAX	      (64u << 10)
#define PHDRS_MAX	      512
#define CHECKSUM_BLOCK	      (256u << 10)
#define CHECKSUM_CRC32C_WHOLE 1 /* checksum_config */

struct segment {
	uint64_t offset, size, align;
};

/* A file by a descriptor, or its first so many bytes in the memory of a process. */
struct bytes {
	int fd; /* -1: in memory */
	pid_t pid;
	uint64_t at, size;
};

static bool take(const struct bytes *b, void *buf, size_t len, uint64_t from)
{
	if (b->fd >= 0)
		return pread(b->fd, buf, len, from) == (ssize_t)len;
	return len <= b->size && from <= b->size - len &&
	       task_read(b->pid, b->at + from, buf, len) == 0;
}

/* Program headers of both classes, reduced to note segments. */
static size_t note_segments(const struct bytes *file, struct segment *segs, size_t max)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr e64;
		Elf32_Ehdr e32;
	} head;
	_cleanup_free_ char *table = NULL;
	bool wide;
	size_t n, entry, found = 0;
	uint64_t at;

	if (!take(file, &head, sizeof(head), 0) || memcmp(head.ident, ELFMAG, SELFMAG) ||
	    head.ident[EI_DATA] != ELFDATA2LSB)
		return 0;
	wide = head.ident[EI_CLASS] == ELFCLASS64;
	n = wide ? head.e64.e_phnum : head.e32.e_phnum;
	at = wide ? head.e64.e_phoff : head.e32.e_phoff;
	entry = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	if ((wide ? head.e64.e_phentsize : head.e32.e_phentsize) != entry || !n || n > PHDRS_MAX ||
	    at > BUILD_ID_REACH)
		return 0;
	table = malloc(n * entry);
	if (!table || !take(file, table, n * entry, at))
		return 0;
	for (size_t i = 0; i < n && found < max; i++) {
		const Elf64_Phdr *p64 = (void *)(table + i * entry);
		const Elf32_Phdr *p32 = (void *)(table + i * entry);

		if ((wide ? p64->p_type : p32->p_type) != PT_NOTE)
			continue;
		segs[found++] =
			wide ? (struct segment){ p64->p_offset, p64->p_filesz, p64->p_align }
			     : (struct segment){ p32->p_offset, p32->p_filesz, p32->p_align };
	}
	return found;
}

static size_t round_up(size_t n, size_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* Finds the note in a segment's bytes; its length, 0: none. */
static size_t find_note(const char *notes, size_t size, size_t align, const char **ret_id)
{
	size_t at = 0;

	while (size - at >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *h = (const void *)(notes + at); /* the same in both classes */
		size_t name = at + sizeof(*h), desc, next;

		if (h->n_namesz > size || h->n_descsz > size)
			return 0;
		desc = name + round_up(h->n_namesz, align);
		next = desc + round_up(h->n_descsz, align);
		if (desc + h->n_descsz > size)
			return 0;
		if (h->n_type == NT_GNU_BUILD_ID && h->n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4)) {
			*ret_id = notes + desc;
			return h->n_descsz;
		}
		if (next > size)
			return 0;
		at = next;
	}
	return 0;
}

/* The build id in 32-bit words, the last one filled up with zeroes; their number. */
static size_t build_id(struct arena *a, const struct bytes *file, uint32_t **ret)
{
	struct segment segs[16];
	size_t n = note_segments(file, segs, ARRAY_SIZE(segs));

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *notes = NULL;
		const char *id;
		size_t len;

		if (segs[i].size > NOTES_MAX || segs[i].offset > BUILD_ID_REACH - segs[i].size)
			continue;
		notes = malloc(segs[i].size + 1);
		if (!notes || !take(file, notes, segs[i].size, segs[i].offset))
			continue;
		len = find_note(notes, segs[i].size, segs[i].align == 8 ? 8 : 4, &id);
		if (!len)
			continue;
		*ret = arena_array(a, uint32_t, (len + 3) / 4);
		memcpy(*ret, id, len);
		return (len + 3) / 4;
	}
	return 0;
}

/* CRC-32C (Castagnoli, reflected), eight bytes a step. */
struct crc {
	uint32_t t[8][256];
};

static void crc_init(struct crc *crc)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;

		for (int k = 0; k < 8; k++)
			c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
		crc->t[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int k = 1; k < 8; k++)
			crc->t[k][i] = crc->t[k - 1][i] >> 8 ^ crc->t[0][crc->t[k - 1][i] & 0xff];
}

static uint32_t crc_add(const struct crc *crc, uint32_t sum, const unsigned char *p, size_t len)
{
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t v;

		memcpy(&v, p, 8);
		v ^= sum;
		sum = crc->t[7][v & 0xff] ^ crc->t[6][v >> 8 & 0xff] ^ crc->t[5][v >> 16 & 0xff] ^
		      crc->t[4][v >> 24 & 0xff] ^ crc->t[3][v >> 32 & 0xff] ^
		      crc->t[2][v >> 40 & 0xff] ^ crc->t[1][v >> 48 & 0xff] ^ crc->t[0][v >> 56];
	}
	for (; len; p++, len--)
		sum = sum >> 8 ^ crc->t[0][(sum ^ *p) & 0xff];
	return sum;
}

static int checksum(int fd, uint32_t *ret)
{
	_cleanup_free_ unsigned char *block = malloc(CHECKSUM_BLOCK);
	struct crc crc;
	uint32_t sum = ~0u;
	off_t at = 0;

	if (!block)
		return -ENOMEM;
	crc_init(&crc);
	for (;;) {
		ssize_t n = pread(fd, block, CHECKSUM_BLOCK, at);

		if (n < 0)
			return -errno;
		if (!n)
			break;
		sum = crc_add(&crc, sum, block, n);
		at += n;
	}
	*ret = ~sum;
	return 0;
}

/* A descriptor to read by; ret_own: it has to be closed. */
static int readable(const struct file_probe *p, int *ret_own)
{
	bool can = !(p->info.flags & O_PATH) && p->fd >= 0 &&
		   (p->info.flags & O_ACCMODE) != O_WRONLY;
	bool leased = p->info.text && strstr(p->info.text, "LEASE");

	*ret_own = -1;
	if (!leased) {
		*ret_own = fd_reopen(probe_local(p), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOATIME);
		if (*ret_own == -EPERM) /* neither owner nor CAP_FOWNER */
			*ret_own = fd_reopen(probe_local(p), O_RDONLY | O_NONBLOCK | O_NOCTTY);
	}
	return *ret_own >= 0 ? *ret_own : can ? probe_local(p) : -1;
}

/* The area that shows the file's beginning, of a file that is found by one of its areas. */
static bool find_in_memory(const struct file_probe *p, struct bytes *ret)
{
	const struct proc_areas *all = &p->task->areas;
	const struct proc_area *mine = NULL;
	unsigned long long start;

	if (p->fd >= 0 || !p->magic || sscanf(p->magic, "map_files/%llx-", &start) != 1)
		return false;
	for (size_t i = 0; !mine && i < all->n; i++)
		if (all->areas[i].start == start)
			mine = &all->areas[i];
	for (size_t i = 0; mine && i < all->n; i++) {
		const struct proc_area *one = &all->areas[i];

		if (one->ino != mine->ino || one->major != mine->major ||
		    one->minor != mine->minor || one->offset)
			continue;
		*ret = (struct bytes){ -1, p->task->stop->pid, one->start, one->end - one->start };
		return true;
	}
	return false;
}

/* An ELF file of which its first area does not show enough is opened after all. */
static bool by_memory(struct dump *d, const struct file_probe *p, RegFileEntry *e)
{
	char magic[SELFMAG];
	struct bytes file;

	if (!find_in_memory(p, &file) || !take(&file, magic, sizeof(magic), 0))
		return false;
	e->n_build_id = build_id(dump_arena(d), &file, &e->build_id);
	return e->n_build_id || memcmp(magic, ELFMAG, SELFMAG);
}

static void record_build_id(struct dump *d, const struct file_probe *p, RegFileEntry *e)
{
	_cleanup_fd_ int own = -1;
	struct bytes file;

	if (by_memory(d, p, e))
		return;
	file = (struct bytes){ .fd = readable(p, &own) };
	if (file.fd >= 0)
		e->n_build_id = build_id(dump_arena(d), &file, &e->build_id);
}

int validate_record(struct dump *d, const struct file_probe *p, RegFileEntry *e)
{
	enum file_validation method = d->s->opts->file_validation;
	_cleanup_fd_ int own = -1;
	int fd, ret;

	if (!e->has_mode) { /* else it is that of another node of the device */
		e->has_mode = true;
		e->mode = p->stat.st_mode;
	}
	/* Others may go on writing to a log that is only appended to. */
	if (!S_ISREG(p->stat.st_mode) ||
	    (e->flags & (O_ACCMODE | O_APPEND)) == (O_WRONLY | O_APPEND))
		return 0;
	e->has_size = true;
	e->size = p->stat.st_size;
	if (method == FILE_VALIDATION_FILESIZE || !e->size || e->flags & O_PATH)
		return 0;
	if (method == FILE_VALIDATION_BUILDID) {
		record_build_id(d, p, e);
		return 0;
	}
	fd = readable(p, &own);
	if (fd < 0)
		return 0;
	ret = checksum(fd, &e->checksum);
	if (ret < 0) {
		errno = -ret;
		return err_sys(dump_err(d), "pread", "can't read %s for its checksum", e->name);
	}
	e->has_checksum = e->has_checksum_config = true;
	e->checksum_config = CHECKSUM_CRC32C_WHOLE;
	return 0;
}

static const char *type_name(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFDIR:
		return "a directory";
	case S_IFCHR:
		return "a character device";
	case S_IFBLK:
		return "a block device";
	case S_IFIFO:
		return "a fifo";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFSOCK:
		return "a socket";
	default:
		return "of an unknown kind";
	}
}

static const char *compare_mode(struct restore *r, const RegFileEntry *e, const struct stat *st)
{
	struct arena *a = restore_arena(r);

	if (!e->has_mode || e->mode == st->st_mode)
		return NULL;
	if ((e->mode ^ st->st_mode) & S_IFMT)
		return arena_printf(a, "it was %s and is %s", type_name(e->mode),
				    type_name(st->st_mode));
	if (r->s->opts->skip_file_rwx_check)
		return NULL;
	return arena_printf(a, "its mode was %04o and is %04o", e->mode & 07777,
			    st->st_mode & 07777);
}

static const char *id_text(struct arena *a, const uint32_t *id, size_t n)
{
	const unsigned char *bytes = (const void *)id;
	char *text = arena_alloc(a, n * 8 + 1);

	for (size_t i = 0; i < n * 4; i++)
		snprintf(text + i * 2, 3, "%02x", bytes[i]);
	return n ? text : "none";
}

static const char *compare_build_id(struct restore *r, const RegFileEntry *e, int fd)
{
	struct arena *a = restore_arena(r);
	uint32_t *id = NULL;
	const struct bytes file = { .fd = fd };
	size_t n = build_id(a, &file, &id);

	if (n == e->n_build_id && !memcmp(id, e->build_id, n * sizeof(*id)))
		return NULL;
	return arena_printf(a, "its build id was %s and is %s",
			    id_text(a, e->build_id, e->n_build_id), id_text(a, id, n));
}

static bool compares_build_id(const struct restore *r, const RegFileEntry *e)
{
	return r->s->opts->file_validation != FILE_VALIDATION_FILESIZE && e->n_build_id;
}

static bool compares_checksum(const struct restore *r, const RegFileEntry *e)
{
	return r->s->opts->file_validation == FILE_VALIDATION_CHECKSUM && e->has_checksum &&
	       e->has_checksum_config && e->checksum_config == CHECKSUM_CRC32C_WHOLE;
}

bool validate_reads(const struct restore *r, const RegFileEntry *e)
{
	return compares_build_id(r, e) || compares_checksum(r, e);
}

int validate_compare(struct restore *r, const RegFileEntry *e, int path_fd, const struct stat *st,
		     const char **ret_text)
{
	bool by_id = compares_build_id(r, e), by_sum = compares_checksum(r, e);
	_cleanup_fd_ int fd = -1;
	uint32_t sum;
	int ret;

	*ret_text = compare_mode(r, e, st);
	if (*ret_text || !S_ISREG(st->st_mode))
		return 0;
	if (e->has_size && e->size != (uint64_t)st->st_size) {
		*ret_text = arena_printf(restore_arena(r), "its size was %llu and is %lld",
					 (unsigned long long)e->size, (long long)st->st_size);
		return 0;
	}
	if (!by_id && !by_sum)
		return 0;
	fd = fd_reopen(path_fd, O_RDONLY | O_NONBLOCK | O_NOATIME);
	if (fd == -EPERM)
		fd = fd_reopen(path_fd, O_RDONLY | O_NONBLOCK);
	if (fd < 0) {
		*ret_text = arena_printf(restore_arena(r), "it can't be read to compare it: %s",
					 strerror(-fd));
		fd = -1;
		return 0;
	}
	if (by_id)
		*ret_text = compare_build_id(r, e, fd);
	if (*ret_text || !by_sum)
		return 0;
	ret = checksum(fd, &sum);
	if (ret < 0) {
		errno = -ret;
		return err_sys(restore_err(r), "pread", "can't read %s for its checksum", e->name);
	}
	if (sum != e->checksum)
		*ret_text = "its contents are not what they were (CRC-32C)";
	return 0;
}

/* Size and type are compared with each --file-validation. */
const char *validate_cure(const struct restore *r, const RegFileEntry *e, const struct stat *st)
{
	if (e->has_mode && ((e->mode ^ st->st_mode) & S_IFMT) == 0 && e->mode != st->st_mode &&
	    !r->s->opts->skip_file_rwx_check)
		return "set its mode as it was at the dump, or use --skip-file-rwx-check";
	if (validate_reads(r, e) && S_ISREG(st->st_mode) &&
	    (!e->has_size || e->size == (uint64_t)st->st_size))
		return "put it back as it was at the dump, or compare nothing but sizes: "
		       "--file-validation filesize";
	return "put it back as it was at the dump";
}
