/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See journal.h. The owner holds a POSIX lock (fcntl F_SETLK) on its journal: forked children do
 * not inherit that, and it ends with the owner, however that ends.
 */
#include "base/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/log.h"

static uint64_t read_start_time(pid_t pid)
{
	char path[64], text[1024], *p;
	_cleanup_fd_ int fd = -1;
	bool ended;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name may hold anything */
	if (!p || !p[1])
		return 0;
	ended = p[2] == 'Z' || p[2] == 'X';
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p + 1, ' ');
		if (p && field == 19 && ended && strtol(p, NULL, 10) <= 1)
			return 0; /* with more threads, only its leader has ended */
	}
	return p ? strtoull(p, NULL, 10) : 0;
}

uint64_t process_start_time(pid_t pid)
{
	static uint64_t own;
	static pid_t self;

	if (pid != getpid())
		return read_start_time(pid);
	if (self != pid)
		own = read_start_time(self = pid);
	return own;
}

int boot_id(char buf[40])
{
	static char known[40]; /* it does not change while anybody could ask */
	_cleanup_fd_ int fd = -1;
	ssize_t n;

	if (!known[0]) {
		fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, known, 36);
		known[n == 36 ? 36 : 0] = '\0';
	}
	memcpy(buf, known, sizeof(known));
	return known[0] ? 0 : -EIO;
}

int journal_place(unsigned int i, char path[108])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	switch (i) {
	case 0:
		snprintf(path, 108, "/run/crtools");
		return 0;
	case 1:
		if (!runtime || runtime[0] != '/' || strlen(runtime) > 80)
			runtime = "/run";
		snprintf(path, 108, "%s/crtools", runtime);
		return 0;
	case 2:
		snprintf(path, 108, ".");
		return 0;
	default:
		return -ENOENT;
	}
}

void journal_begin(struct journal *j)
{
	*j = (struct journal){ .fd = -1, .owner = getpid() };
}

static int make_new(const char *path)
{
	return open(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static int make_file(struct journal *j)
{
	char place[108];
	int num = 0;

	for (unsigned int i = 0; j->fd < 0 && journal_place(i, place) == 0; i++) {
		snprintf(j->path, sizeof(j->path), "%s/.crtools-%d", place, j->owner);
		j->fd = make_new(j->path);
		if (j->fd < 0 && errno == EEXIST) { /* of a dead process that had this id */
			unlink(j->path);
			j->fd = make_new(j->path);
		} else if (j->fd < 0 && errno == ENOENT &&
			   (mkdir(place, 0700) == 0 || errno == EEXIST)) {
			j->fd = make_new(j->path);
		}
		if (j->fd < 0)
			num = num ? num : errno;
	}
	return j->fd < 0 ? -num : 0;
}

static int start(struct journal *j)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char head[128], boot[40];
	int ret = make_file(j);

	if (ret < 0)
		return ret;
	if (fcntl(j->fd, F_SETLK, &lock) < 0)
		log_debug("the journal %s can't be locked: %s", j->path, strerror(errno));
	boot_id(boot);
	snprintf(head, sizeof(head), "crtools 1 %d %llu %s\n", j->owner,
		 (unsigned long long)process_start_time(j->owner), boot);
	return write_full(j->fd, head, strlen(head));
}

void journal_add(struct journal *j, const char *fmt, ...)
{
	_cleanup_free_ char *line = NULL;
	va_list ap;
	int len, ret = 0;

	if (!j || j->owner != getpid() || j->broken)
		return;
	va_start(ap, fmt);
	len = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (len < 0) {
		line = NULL;
		return;
	}
	if (j->fd < 0)
		ret = start(j);
	if (ret == 0)
		ret = write_full(j->fd, line, len);
	if (ret < 0) {
		j->broken = true;
		log_warn(
			"no journal of this run can be written to %s (%s): should crtools be killed, "
			"crtools clean will not know what to take back",
			j->path, strerror(-ret));
	}
}

void journal_escape(const char *text, char *out)
{
	for (; *text; text++) {
		unsigned char c = *text;

		if (c > ' ' && c != '%' && c != 0x7f)
			*out++ = c;
		else
			out += sprintf(out, "%%%02X", c);
	}
	*out = '\0';
}

void journal_unescape(char *field)
{
	char *out = field;

	while (*field) {
		unsigned int c;

		if (*field == '%' && sscanf(field + 1, "%2X", &c) == 1) {
			*out++ = c;
			field += 3;
		} else {
			*out++ = *field++;
		}
	}
	*out = '\0';
}

/* The directory of a descriptor, as a field. */
static bool escaped_dir(int dir, char *out, size_t size)
{
	char path[64], target[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0 || (size_t)n * 3 + 1 > size)
		return false;
	target[n] = '\0';
	journal_escape(target, out);
	return true;
}

void journal_name(struct journal *j, const char *kind, int dir, const char *name,
		  const struct stat *st)
{
	char where[3 * 1024 + 1], what[3 * 256 + 1];

	if (!j || j->owner != getpid() || strlen(name) > 255 ||
	    !escaped_dir(dir, where, sizeof(where)))
		return;
	journal_escape(name, what);
	journal_add(j, "%s %s %s %llu %llu\n", kind, where, what,
		    st ? (unsigned long long)st->st_dev : 0,
		    st ? (unsigned long long)st->st_ino : 0);
}

void journal_swap(struct journal *j, int dir, const char *name, const char *spare,
		  const struct stat *st)
{
	char where[3 * 1024 + 1], what[3 * 256 + 1];

	if (!j || j->owner != getpid() || strlen(name) > 255 ||
	    !escaped_dir(dir, where, sizeof(where)))
		return;
	journal_escape(name, what);
	journal_add(j, "swap %s %s %s %llu %llu\n", where, what, spare,
		    (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
}

void journal_end(struct journal *j)
{
	if (j->fd < 0 || j->owner != getpid())
		return;
	if (!j->keep)
		unlink(j->path);
	close_fd(&j->fd);
}
