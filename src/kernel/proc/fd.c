/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/fdinfo/N (seq_show() in fs/proc/fd.c): pos, flags, mnt_id and ino, then a "lock:" line
 * for each lock of the owner, then what the file's own show_fdinfo adds.
 */
#include "kernel/proc/fd.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/proc/list.h"
#include "kernel/scan.h"

bool proc_next_line(const char *text, size_t len, size_t *pos, const char **ret_key,
		    size_t *ret_key_len, const char **ret_value, size_t *ret_value_len)
{
	struct scan s, line, key;

	if (*pos >= len)
		return false;
	s = scan_text(text + *pos, len - *pos);
	if (!scan_line(&s, &line))
		return false;
	*pos = s.p - text;
	key = line;
	if (memchr(line.p, ':', scan_left(&line))) {
		key = scan_until(&line, ':');
		scan_try(&line, ':');
	} else {
		key.end = key.p;
	}
	scan_blanks(&line);
	*ret_key = key.p;
	*ret_key_len = scan_left(&key);
	*ret_value = line.p;
	*ret_value_len = scan_left(&line);
	return true;
}

enum { SEEN_POS = 1, SEEN_FLAGS = 2, SEEN_MNT_ID = 4, SEEN_INO = 8 };

/* One of the four common lines, each only once: a driver's text may repeat a key. */
static bool parse_common(const struct scan *line, struct proc_fdinfo *info, int *seen, bool *bad)
{
	struct scan s = *line;
	int which;

	if (scan_try_str(&s, "pos:"))
		which = SEEN_POS;
	else if (scan_try_str(&s, "flags:"))
		which = SEEN_FLAGS;
	else if (scan_try_str(&s, "mnt_id:"))
		which = SEEN_MNT_ID;
	else if (scan_try_str(&s, "ino:"))
		which = SEEN_INO;
	else
		return false;
	if (*seen & which)
		return false;
	*seen |= which;
	scan_blanks(&s);
	if (which == SEEN_POS) {
		info->pos = scan_int(&s);
	} else if (which == SEEN_FLAGS) {
		uint64_t flags = scan_oct(&s);

		if (flags > UINT32_MAX)
			s.bad = true;
		info->flags = flags;
	} else if (which == SEEN_MNT_ID) {
		info->mnt_id = scan_i32(&s);
	} else {
		info->ino = scan_dec(&s);
	}
	if (s.bad || !scan_at_end(&s))
		*bad = true;
	return true;
}

int proc_fdinfo_parse(struct arena *a, const char *text, size_t len, struct proc_fdinfo *ret)
{
	struct proc_fdinfo info = { .mnt_id = -1 };
	struct scan s = scan_text(text, len), line;
	bool bad = false, ended = !len || text[len - 1] == '\n';
	int seen = 0;

	info.text = arena_alloc(a, len + 2);
	while (scan_line(&s, &line)) {
		if (parse_common(&line, &info, &seen, &bad))
			continue;
		memcpy(info.text + info.text_len, line.p, scan_left(&line));
		info.text_len += scan_left(&line);
		info.text[info.text_len++] = '\n';
	}
	if (bad || !ended || (seen & (SEEN_POS | SEEN_FLAGS)) != (SEEN_POS | SEEN_FLAGS))
		return -EBADMSG;
	*ret = info;
	return 0;
}

int proc_fdinfo(const struct proc *p, int fd, struct arena *a, struct proc_fdinfo *ret,
		struct err *err)
{
	char name[32], *text;
	size_t len;
	int e;

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	e = proc_read_single(p, name, &text, &len, err);
	if (e)
		return e;
	return proc_fdinfo_parse(a, text, len, ret) ? proc_bad_text(p, name, err) : 0;
}

int proc_fdinfo_num(const struct proc_fdinfo *info, const char *key, int base, uint64_t *ret)
{
	const char *name, *value;
	size_t pos = 0, name_len, value_len, key_len = strlen(key);

	while (proc_next_line(info->text, info->text_len, &pos, &name, &name_len, &value,
			      &value_len)) {
		struct scan s = scan_text(value, value_len);
		uint64_t v;

		if (name_len != key_len || memcmp(name, key, key_len))
			continue;
		if (base == 16)
			scan_try_str(&s, "0x");
		v = base == 16 ? scan_hex(&s) : base == 8 ? scan_oct(&s) : scan_dec(&s);
		if (s.bad)
			return -EBADMSG;
		*ret = v;
		return 0;
	}
	return -ENOENT;
}

uint64_t proc_fdinfo_object(const struct proc_fdinfo *info)
{
	uint64_t id = 0;

	/* Linux 5.2; there is one open file to an eventfd. */
	proc_fdinfo_num(info, "eventfd-id", 10, &id);
	return id;
}
