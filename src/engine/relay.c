/* SPDX-License-Identifier: Apache-2.0 */
/* See relay.h. */
#include "engine/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

/* fd[NUMBER]:…: */
static bool is_inherited(const struct session *s, int number)
{
	for (size_t i = 0; i < s->opts->inherit_fd.n; i++)
		if (!strncmp(s->opts->inherit_fd.items[i], "fd[", 3) &&
		    atoi(s->opts->inherit_fd.items[i] + 3) == number)
			return true;
	return false;
}

static bool has_reader(const struct session *s, int number, struct stat *ret)
{
	return fstat(number, ret) == 0 && (S_ISFIFO(ret->st_mode) || S_ISSOCK(ret->st_mode)) &&
	       !is_inherited(s, number);
}

int relay_begin(struct session *s, struct relay *r)
{
	struct stat st[2];
	int fds[2];

	for (int i = 0; i < 2; i++) {
		struct relay_stream *one = &r->streams[i];

		*one = (struct relay_stream){ i + 1, -1, -1 };
		if (!has_reader(s, i + 1, &st[i]))
			continue;
		if (i > 0 && r->streams[0].into >= 0 && st[0].st_ino == st[1].st_ino &&
		    st[0].st_dev == st[1].st_dev) { /* one pipe: lines stay in order */
			one->into = fcntl(r->streams[0].into, F_DUPFD_CLOEXEC, 0);
			continue;
		}
		if (pipe2(fds, O_CLOEXEC))
			return err_sys(s->err, "pipe2", "passing on what the run prints");
		one->from = fds[0];
		one->into = fds[1];
		fcntl(one->from, F_SETFL, O_NONBLOCK);
	}
	return 0;
}

void relay_write(struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		close_fd(&r->streams[i].from);
		if (r->streams[i].into >= 0)
			dup2(r->streams[i].into, r->streams[i].number);
		close_fd(&r->streams[i].into);
	}
}

void relay_read(struct relay *r)
{
	for (int i = 0; i < 2; i++)
		close_fd(&r->streams[i].into);
}

void relay_pump(struct relay *r)
{
	char buf[65536];
	ssize_t n;

	for (int i = 0; i < 2; i++) {
		struct relay_stream *one = &r->streams[i];

		while (one->from >= 0 && (n = read(one->from, buf, sizeof(buf))) > 0)
			write_full(one->number, buf, n);
		if (one->from >= 0 && (n == 0 || errno != EAGAIN))
			close_fd(&one->from);
	}
}
