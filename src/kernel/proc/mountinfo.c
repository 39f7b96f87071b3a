/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/mountinfo (show_mountinfo() in fs/proc_namespace.c):
 *	36 35 98:0 /mnt1 /mnt2 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue
 * Names have blanks, newlines, backslashes and (newer kernels) '#' as octal escapes. A root that
 * was unlinked ends in "//deleted". Fields between the options and "-" are optional and their set
 * may grow.
 */
#include "kernel/proc/mountinfo.h"

#include <errno.h>
#include <sys/mount.h>

#include "kernel/proc/list.h"
#include "kernel/scan.h"

#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif
#ifndef MS_LAZYTIME
#define MS_LAZYTIME (1 << 25)
#endif

static const struct {
	const char *name;
	uint64_t flag;
} mount_flags[] = {
	{ "ro", MS_RDONLY },	     { "nosuid", MS_NOSUID },	      { "nodev", MS_NODEV },
	{ "noexec", MS_NOEXEC },     { "noatime", MS_NOATIME },	      { "nodiratime", MS_NODIRATIME },
	{ "relatime", MS_RELATIME }, { "nosymfollow", MS_NOSYMFOLLOW },
}, super_flags[] = {
	{ "ro", MS_RDONLY },	 { "sync", MS_SYNCHRONOUS },  { "dirsync", MS_DIRSYNC },
	{ "mand", MS_MANDLOCK }, { "lazytime", MS_LAZYTIME },
};

size_t proc_unescape(char *text, size_t len)
{
	char *to = text;

	for (size_t i = 0; i < len;) {
		if (text[i] == '\\' && len - i >= 4 && text[i + 1] >= '0' && text[i + 1] <= '3' &&
		    text[i + 2] >= '0' && text[i + 2] <= '7' && text[i + 3] >= '0' &&
		    text[i + 3] <= '7') {
			*to++ = (text[i + 1] - '0') << 6 | (text[i + 2] - '0') << 3 |
				(text[i + 3] - '0');
			i += 4;
		} else {
			*to++ = text[i++];
		}
	}
	return to - text;
}

static char *dup_word(struct arena *a, struct scan *s, bool unescape)
{
	struct scan word = scan_word(s);
	size_t len = scan_left(&word);
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, word.p, len);
	if (unescape)
		copy[proc_unescape(copy, len)] = '\0';
	scan_try(s, ' ');
	return copy;
}

static char *scan_rest(struct arena *a, struct scan *s)
{
	char *copy = arena_alloc(a, scan_left(s) + 1);

	memcpy(copy, s->p, scan_left(s));
	s->p = s->end;
	return copy;
}

static uint64_t flags_of(const char *options, bool super)
{
	struct scan s = scan_text(options, strlen(options));
	uint64_t flags = 0;

	while (!scan_at_end(&s)) {
		struct scan word = scan_until(&s, ',');

		scan_try(&s, ',');
		for (size_t i = 0; !super && i < sizeof(mount_flags) / sizeof(*mount_flags); i++)
			if (scan_is(&word, mount_flags[i].name))
				flags |= mount_flags[i].flag;
		for (size_t i = 0; super && i < sizeof(super_flags) / sizeof(*super_flags); i++)
			if (scan_is(&word, super_flags[i].name))
				flags |= super_flags[i].flag;
	}
	return flags;
}

/* "shared:N", "master:N", "propagate_from:N", "unbindable", up to "-". */
static void parse_propagation(struct scan *s, struct proc_mount *m)
{
	for (;;) {
		struct scan word = scan_word(s);

		scan_try(s, ' ');
		if (scan_is(&word, "-"))
			return;
		if (scan_at_end(&word)) {
			s->bad = true;
			return;
		}
		if (scan_try_str(&word, "shared:"))
			m->shared = scan_i32(&word);
		else if (scan_try_str(&word, "master:"))
			m->master = scan_i32(&word);
		else if (scan_try_str(&word, "propagate_from:"))
			m->propagate_from = scan_i32(&word);
		else if (scan_is(&word, "unbindable"))
			m->unbindable = true;
		s->bad |= word.bad;
	}
}

static int parse_mount(struct arena *a, struct scan *s, struct proc_mount *ret)
{
	static const char gone[] = "//deleted";
	struct proc_mount m = { 0 };
	char *root;
	size_t len;

	m.id = scan_i32(s);
	scan_expect(s, ' ');
	m.parent = scan_i32(s);
	scan_expect(s, ' ');
	m.major = scan_u32(s);
	scan_expect(s, ':');
	m.minor = scan_u32(s);
	scan_expect(s, ' ');
	root = dup_word(a, s, true);
	len = strlen(root);
	if (len >= sizeof(gone) - 1 && !strcmp(root + len - (sizeof(gone) - 1), gone)) {
		m.root_deleted = true;
		root[len - (sizeof(gone) - 1)] = '\0';
	}
	m.root = root;
	m.point = dup_word(a, s, true);
	m.options = dup_word(a, s, false);
	if (s->bad || !*m.point || !*m.options)
		return -EBADMSG;
	parse_propagation(s, &m);
	m.fstype = dup_word(a, s, true);
	m.source = dup_word(a, s, true);
	/* The rest of the line: not every file system escapes what it shows. */
	m.super_options = scan_rest(a, s);
	if (s->bad || !*m.fstype || !*m.super_options)
		return -EBADMSG;
	m.flags = flags_of(m.options, false);
	m.super_flags = flags_of(m.super_options, true);
	*ret = m;
	return 0;
}

int proc_mountinfo_parse(struct arena *a, const char *text, size_t len, struct proc_mounts *ret)
{
	struct scan s = scan_text(text, len), line;
	struct proc_mounts list = { 0 };

	while (scan_line(&s, &line)) {
		struct proc_mount m;

		if (parse_mount(a, &line, &m))
			return -EBADMSG;
		arena_push(a, list.mounts, list.n, m);
	}
	*ret = list;
	return 0;
}

int proc_mountinfo(const struct proc *p, struct arena *a, struct proc_mounts *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read(p, "mountinfo", &text, &len, err);

	if (e)
		return e;
	return proc_mountinfo_parse(a, text, len, ret) ? proc_bad_text(p, "mountinfo", err) : 0;
}
