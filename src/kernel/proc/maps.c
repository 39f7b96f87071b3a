/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory areas: fs/proc/task_mmu.c, show_map_vma() writes the header line that maps and smaps
 * share, show_smap() the "Key:   N kB" lines behind it. A header starts with a digit or a lower
 * case letter, all other lines with a capital. Of a file's name only newlines are escaped (\012,
 * and a backslash is not: seq_path(…, "\n")), so that a name which holds these four characters
 * reads like one with a newline, and a file called "x (deleted)" like a deleted x. The links in
 * map_files are exact.
 *
 * One read(2) gives about one page of seq_file, so the text of 65,000 areas (45 MB in smaps) comes
 * in thousands of pieces. They are parsed as they come; only an unfinished line is kept. A record
 * that does not fit the rest of the page is made twice, and each of smaps walks its area's page
 * tables; seq_read_iter() begins no more records when it has as much as was asked for, so less is
 * asked for.
 */
#include "kernel/inode.h"
#include "kernel/proc/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/ahead.h"
#include "kernel/proc/list.h"
#include "kernel/scan.h"

#define READ_SIZE     65536
#define SMAPS_READ    3072 /* a page without room for one more record of 700 to 1000 bytes */
#define AHEAD_FROM    (256u << 10)   /* bytes of smaps, of 300 areas or so */
#define LINE_MAX_SIZE (2 * 4096 * 4) /* a path of PATH_MAX bytes, each of them escaped, and more */

static const char codes[][3] = {
#define VMF(name, a, b) [VMF_BIT_##name] = { a, b },
	VMF_LIST
#undef VMF
};
_Static_assert(ARRAY_SIZE(codes) < VMF_BIT_UNKNOWN, "VMF_LIST has outgrown 64 bits");

/* By two letters: the bit + 1. */
static const uint8_t code_bit[26 * 26] = {
#define VMF(name, a, b) [(a - 'a') * 26 + b - 'a'] = VMF_BIT_##name + 1,
	VMF_LIST
#undef VMF
};

const char *vmf_code(enum vmf_bit bit)
{
	return (unsigned int)bit < ARRAY_SIZE(codes) ? codes[bit] : NULL;
}

/* Records have the same lines in the same order: what the last one had is tried first. */
#define LINES_LEARNT 40
struct learnt {
	char key[22]; /* with its colon */
	uint8_t len;
	const struct detail *detail; /* NULL: nothing that is needed */
};

struct parser {
	struct arena *a;
	struct proc_areas
		areas; /* on the heap, where it grows without a copy, until all are known */
	size_t room;
	const char *last_path; /* the newest in the arena, unless it had escapes */
	size_t last_path_len;
	size_t line; /* of the record, behind its header */
	struct learnt learnt[LINES_LEARNT];
};

static void unescape_newlines(char *path)
{
	char *to = path;

	for (const char *from = path; *from; to++) {
		if (!strncmp(from, "\\012", 4)) {
			*to = '\n';
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static void parse_path(struct parser *ps, const char *text, size_t len, struct proc_area *area)
{
	static const char gone[] = " (deleted)";
	const size_t suffix = sizeof(gone) - 1;
	char *path;

	if (!len) {
		area->path = "";
		return;
	}
	if (len > suffix && !memcmp(text + len - suffix, gone, suffix)) {
		area->deleted = true;
		len -= suffix;
	}
	/* Most areas of a library follow each other. */
	if (ps->last_path && ps->last_path_len == len && !memcmp(ps->last_path, text, len)) {
		area->path = ps->last_path;
		return;
	}
	path = arena_alloc(ps->a, len + 1);
	memcpy(path, text, len);
	area->path = path;
	ps->last_path = path;
	ps->last_path_len = len;
	if (memchr(path, '\\', len)) {
		unescape_newlines(path);
		ps->last_path = NULL;
	}
}

static uint8_t parse_prot(struct scan *s, bool *ret_shared)
{
	uint8_t prot = 0;

	if (scan_left(s) < 4) {
		s->bad = true;
		return 0;
	}
	prot |= s->p[0] == 'r' ? PROT_READ : 0;
	prot |= s->p[1] == 'w' ? PROT_WRITE : 0;
	prot |= s->p[2] == 'x' ? PROT_EXEC : 0;
	if ((s->p[0] != 'r' && s->p[0] != '-') || (s->p[1] != 'w' && s->p[1] != '-') ||
	    (s->p[2] != 'x' && s->p[2] != '-') || (s->p[3] != 's' && s->p[3] != 'p'))
		s->bad = true;
	*ret_shared = s->p[3] == 's';
	s->p += 4;
	return prot;
}

/*
 * A process that runs may change its areas between two reads of the file: one that has grown over
 * its neighbours is then shown again from its start. What comes later is newer: what it covers
 * goes.
 */
static void give_way(struct proc_areas *list, const struct proc_area *newer)
{
	while (list->n && list->areas[list->n - 1].start >= newer->start)
		list->n--;
	if (list->n && list->areas[list->n - 1].end > newer->start)
		list->areas[list->n - 1].end = newer->start;
}

static int add_area(struct parser *ps, const struct proc_area *area)
{
	struct proc_areas *all = &ps->areas;

	if (all->n == ps->room) {
		size_t room = ps->room ? ps->room * 2 : 32;
		struct proc_area *grown = realloc(all->areas, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		all->areas = grown;
		ps->room = room;
	}
	all->areas[all->n++] = *area;
	return 0;
}

/* "start-end perms offset major:minor inode   path" */
static int parse_header(struct parser *ps, struct scan *s)
{
	struct proc_area area = { .pkey = -1 };

	area.start = scan_hex(s);
	scan_expect(s, '-');
	area.end = scan_hex(s);
	scan_expect(s, ' ');
	area.prot = parse_prot(s, &area.shared);
	scan_expect(s, ' ');
	area.offset = scan_hex(s);
	scan_expect(s, ' ');
	area.major = scan_hex32(s);
	scan_expect(s, ':');
	area.minor = scan_hex32(s);
	scan_expect(s, ' ');
	area.ino = scan_dec(s);
	if (s->bad || area.start >= area.end || ((area.start | area.end) & 4095))
		return -EBADMSG;
	ps->line = 0;
	give_way(&ps->areas, &area);
	/* The path is padded to a column; a name may start with blanks only if it is "[anon:". */
	scan_blanks(s);
	parse_path(ps, s->p, scan_left(s), &area);
	return add_area(ps, &area);
}

static void parse_vmflags(struct scan *s, struct proc_area *area)
{
	for (;;) {
		struct scan word;
		uint8_t bit = 0;

		scan_blanks(s);
		if (scan_at_end(s))
			break;
		word = scan_word(s);
		if (scan_left(&word) == 2 && word.p[0] >= 'a' && word.p[0] <= 'z' &&
		    word.p[1] >= 'a' && word.p[1] <= 'z')
			bit = code_bit[(word.p[0] - 'a') * 26 + word.p[1] - 'a'];
		if (bit) {
			area->vmflags |= UINT64_C(1) << (bit - 1);
			continue;
		}
		area->vmflags |= VMF_(UNKNOWN);
		if (!area->unknown_flag[0])
			memcpy(area->unknown_flag, word.p,
			       scan_left(&word) < 2 ? scan_left(&word) : 2);
	}
	/* Older kernels have no name for it, of all that locked memory can have (fs/proc/task_mmu.c
	 * of 6.1, show_smap_vma_flags). */
	if (area->vmflags & VMF_(LOCKED) && !memcmp(area->unknown_flag, "??", 2)) {
		area->vmflags &= ~VMF_(UNKNOWN);
		area->vmflags |= VMF_(LOCKONFAULT);
	}
}

enum detail_kind { DETAIL_KB, DETAIL_VMFLAGS, DETAIL_PKEY };

#define DETAIL(key, kind, member)                                                                  \
	{                                                                                          \
		key ":", sizeof(key), kind, offsetof(struct proc_area, member)                     \
	}
static const struct detail {
	const char *key; /* with its colon */
	size_t len;
	enum detail_kind kind;
	size_t at;
} details[] = {
	DETAIL("Rss", DETAIL_KB, rss_kb),
	DETAIL("Shared_Dirty", DETAIL_KB, shared_dirty_kb),
	DETAIL("Shared_Hugetlb", DETAIL_KB, shared_hugetlb_kb),
	DETAIL("Swap", DETAIL_KB, swap_kb),
	DETAIL("KernelPageSize", DETAIL_KB, kernel_page_kb),
	DETAIL("ProtectionKey", DETAIL_PKEY, pkey),
	DETAIL("VmFlags", DETAIL_VMFLAGS, vmflags),
};

/* What this line of a record was the last time, or else is found to be now. */
static const struct detail *detail_of(struct parser *ps, const struct scan *s, size_t key_len)
{
	struct learnt *l = &ps->learnt[ps->line < LINES_LEARNT ? ps->line++ : 0];

	if (l->len == key_len && !memcmp(l->key, s->p, key_len))
		return l->detail;
	l->detail = NULL;
	l->len = key_len <= sizeof(l->key) ? key_len : 0;
	memcpy(l->key, s->p, l->len);
	for (size_t i = 0; i < ARRAY_SIZE(details); i++)
		if (details[i].len == key_len && !memcmp(details[i].key, s->p, key_len))
			l->detail = &details[i];
	return l->detail;
}

static int parse_value(struct proc_area *area, struct scan *s, const struct detail *d)
{
	void *to = (char *)area + d->at;

	if (d->kind == DETAIL_VMFLAGS) {
		parse_vmflags(s, area);
		return 0;
	}
	scan_blanks(s);
	if (d->kind == DETAIL_PKEY) {
		*(int8_t *)to = scan_i32(s);
	} else {
		uint64_t kb = scan_dec(s);

		if (kb > UINT64_MAX >> 10)
			return -EBADMSG;
		*(uint32_t *)to = kb < UINT32_MAX ? kb : UINT32_MAX;
	}
	return s->bad ? -EBADMSG : 0;
}

static int parse_detail(struct parser *ps, struct scan *s)
{
	struct proc_area *area = &ps->areas.areas[ps->areas.n - 1];
	const char *colon = memchr(s->p, ':', scan_left(s));
	const struct detail *d;

	if (!colon)
		return -EBADMSG;
	area->has_smaps = true;
	d = detail_of(ps, s, colon + 1 - s->p);
	s->p = colon + 1;
	return d ? parse_value(area, s, d) : 0;
}

/* Whole lines only; what is left of them behind the last newline stays in *text. */
static int parse_lines(struct parser *ps, struct scan *text)
{
	struct scan line;
	const char *newline;
	int ret;

	while ((newline = memchr(text->p, '\n', scan_left(text)))) {
		line = (struct scan){ .p = text->p, .end = newline };
		text->p = newline + 1;
		if (scan_at_end(&line))
			return -EBADMSG;
		if (*line.p >= 'A' && *line.p <= 'Z')
			ret = ps->areas.n ? parse_detail(ps, &line) : -EBADMSG;
		else
			ret = parse_header(ps, &line);
		if (ret)
			return ret;
	}
	return 0;
}

/* What was parsed, if all went well. */
static int finish(struct parser *ps, int result, struct proc_areas *ret)
{
	if (result == 0) {
		ret->n = ps->areas.n;
		ret->areas = arena_memdup(ps->a, ps->areas.areas, ret->n * sizeof(*ret->areas));
	}
	free(ps->areas.areas);
	return result;
}

int proc_areas_parse(struct arena *a, const char *text, size_t len, struct proc_areas *ret)
{
	struct parser ps = { .a = a };
	struct scan s = scan_text(text, len);
	bool good = parse_lines(&ps, &s) == 0 && scan_at_end(&s);

	return finish(&ps, good ? 0 : -EBADMSG, ret);
}

static int make_room(struct proc_buf *buf)
{
	char *data;

	if (buf->room >= READ_SIZE)
		return 0;
	data = realloc(buf->data, READ_SIZE);
	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->room = READ_SIZE;
	return 0;
}

/* The descriptor, or -ENODATA (no error) when the task lives but has no memory: there, older
 * kernels show an empty file and newer ones answer ESRCH. */
static int open_areas(const struct proc *p, const char *name, struct err *err)
{
	int fd = openat(p->fd, name, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	if (errno == ESRCH && inode_exists(p->fd, "stat"))
		return -ENODATA;
	return proc_openat(p, name, O_RDONLY, err);
}

/* -errno, 0 at the end, or how much was read. The first areas are read here: most processes have no
 * more, and a thread is not worth its start. */
static ssize_t read_some(int fd, char *to, size_t room, size_t most, size_t *so_far,
			 struct ahead **ahead)
{
	ssize_t n;

	if (!*ahead && *so_far < AHEAD_FROM && *so_far + most >= AHEAD_FROM)
		*ahead = ahead_start(fd, most);
	if (*ahead) {
		n = ahead_read(*ahead, to, room);
	} else {
		do
			n = read(fd, to, room < most ? room : most);
		while (n < 0 && errno == EINTR);
		n = n < 0 ? -errno : n;
	}
	*so_far += n > 0 ? n : 0;
	return n;
}

static int read_lines(const struct proc *p, const char *name, int fd, struct parser *ps,
		      struct err *err)
{
	size_t kept = 0, so_far = 0, most = strcmp(name, "smaps") ? READ_SIZE : SMAPS_READ;
	_cleanup_ahead_ struct ahead *ahead = NULL;

	for (;;) {
		ssize_t n = read_some(fd, p->buf->data + kept, p->buf->room - kept, most, &so_far,
				      &ahead);
		struct scan s;
		int ret;

		if (n == -ESRCH)
			return err_set(err, ERR_NO_SUCH_TASK, ESRCH,
				       "task %d has ended (reading %s)", p->pid, name);
		if (n < 0) {
			errno = -n;
			return err_sys(err, "read", "reading /proc/%d/%s", p->pid, name);
		}
		if (n == 0)
			break;
		s = scan_text(p->buf->data, kept + n);
		ret = parse_lines(ps, &s);
		if (ret == -ENOMEM)
			return err_set(err, ERR_RESOURCE, ENOMEM,
				       "no memory for the areas of /proc/%d/%s", p->pid, name);
		if (ret < 0)
			return proc_bad_text(p, name, err);
		kept = scan_left(&s);
		if (kept > LINE_MAX_SIZE)
			return proc_bad_text(p, name, err);
		memmove(p->buf->data, s.p, kept);
	}
	return kept ? proc_bad_text(p, name, err) : 0;
}

static int read_areas(const struct proc *p, const char *name, struct arena *a,
		      struct proc_areas *ret, struct err *err)
{
	_cleanup_fd_ int fd = open_areas(p, name, err);
	struct parser ps = { .a = a };

	if (fd == -ENODATA) {
		*ret = (struct proc_areas){ 0 };
		return 0;
	}
	if (fd < 0)
		return fd;
	if (make_room(p->buf))
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory for reading /proc/%d/%s",
			       p->pid, name);
	return finish(&ps, read_lines(p, name, fd, &ps, err), ret);
}

int proc_maps(const struct proc *p, struct arena *a, struct proc_areas *ret, struct err *err)
{
	return read_areas(p, "maps", a, ret, err);
}

int proc_smaps(const struct proc *p, struct arena *a, struct proc_areas *ret, struct err *err)
{
	return read_areas(p, "smaps", a, ret, err);
}

const struct proc_area *proc_areas_find(const struct proc_areas *areas, uint64_t addr)
{
	size_t low = 0, high = areas->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct proc_area *area = &areas->areas[mid];

		if (addr < area->start)
			high = mid;
		else if (addr >= area->end)
			low = mid + 1;
		else
			return area;
	}
	return NULL;
}
