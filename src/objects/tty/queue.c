/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was written to one side of a pseudoterminal and not read from the other yet. The kernel
 * shows it to nobody without taking it out, so a dump reads it, and puts it back at once
 * (queue_flow.c). That is done by a process of its own, which goes on if the tool is killed
 * meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/log.h"
#include "image/writer.h"
#include "kernel/child.h"
#include "kernel/pidfd.h"
#include "objects/tty/tty.h"
#include "objects/tty/queue_flow.h"

#define TURNS_MAX 1000

/* --- dump -------------------------------------------------------------------------------------- */

bool queues_may_look(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	return syscall(SYS_capget, &head, caps) == 0 && (caps[0].effective & (1u << CAP_SYS_ADMIN));
}

/* The helping process of a tool that was killed may not be done yet. fd: a description of the
 * slave's that is the tool's own; nobody else has a lock on such a file for long. */
static void await_turn(int fd)
{
	const struct timespec moment = { .tv_nsec = 2000000 };

	for (int i = 0; i < TURNS_MAX && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		nanosleep(&moment, NULL);
}

/* A description of the tool's own, so that reading it does not wait. */
static int open_own(struct dump *d, const struct tty_out *tty)
{
	char path[32];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "/dev/pts/%u", tty->index);
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_rdev == tty->e->rdev)
		return fd;
	if (fd >= 0)
		errno = ENODEV;
	close_fd(&fd);
	return err_sys(dump_err(d), "open", "can't look at what waits in %s by %s", tty->object,
		       path);
}

static int note_queue(struct dump *d, struct tty_out *tty, const struct queue *q)
{
	TtyDataEntry e = TTY_DATA_ENTRY__INIT, *copy;
	struct ttys_out *all = ttys_out(d);

	if (!q->len && !q->n_lines)
		return 0;
	copy = arena_new(dump_arena(d), TtyDataEntry);
	*copy = e;
	copy->tty_id = tty->e->id;
	copy->data.data = arena_memdup(dump_arena(d), q->data, q->len);
	copy->data.len = q->len;
	arena_push(dump_arena(d), all->data, all->n_data, copy);
	if (q->n_lines) {
		CrtoolsTty *x = tty_extra(d, tty);

		x->line = arena_memdup(dump_arena(d), q->line, q->n_lines * sizeof(*q->line));
		x->n_line = q->n_lines;
	}
	return 0;
}

/* other: the other end; of a slave, -1 if it is outside of the tree. */
static int run_helper(struct dump *d, struct tty_out *tty, int fd, int other, struct queue *q)
{
	uint64_t all = ~UINT64_C(0), old;
	unsigned int seconds = d->s->opts->timeout;
	int status = -1, ret = 0, end;
	pid_t pid;

	/* Neither a hangup nor a terminal's signal stops it half way. */
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, sizeof(all));
	pid = fork();
	if (pid == 0) {
		fault_hold("helper-terminal");
		ret = tty->master ? queue_take_output(fd, other, tty->e->packet_mode, q)
				  : queue_take_input(fd, other, q);

		q->error = ret < 0 ? -ret : 0;
		q->lost = ret > 0 ? ret : 0;
		_exit(0);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
	if (pid < 0)
		return err_sys(dump_err(d), "fork", "can't start a process to look into %s",
			       tty->object);
	ret = fault_at("dump-terminal", dump_err(d));
	end = child_wait(pid, child_limit(seconds), &status);
	if (end == -ETIMEDOUT) /* it has what was read: it must not be killed */
		return err_set(dump_err(d), ERR_TIMEOUT, ETIMEDOUT,
			       "process %d of crtools, which looks at what waits in %s, has not "
			       "come to an end within %u s (is it stopped?); it puts back what it "
			       "has read when it goes on",
			       pid, tty->object, seconds);
	if (ret < 0)
		return ret;
	errno = status ? ECHILD : q->error;
	return errno ? err_sys(dump_err(d), "read", "can't look at what waits in %s", tty->object)
		     : 0;
}

/* Its own descriptor in the tree; none: -1. */
static int open_master_of(struct dump *d, const struct tty_out *slave, int *ret_fd)
{
	const struct tty_out *master = tty_out_find(d, slave->e->id ^ 1);

	*ret_fd = -1;
	if (!master)
		return 0;
	*ret_fd = pidfd_get(master->task->stop->pidfd, master->fd, dump_err(d));
	return *ret_fd < 0 ? *ret_fd : 0;
}

/* The other end: the tool's own descriptor of the slave, or the tree's of the master; none: -1. */
static int open_other(struct dump *d, const struct tty_out *tty, int fd, int *ret_fd)
{
	if (!tty->master)
		return open_master_of(d, tty, ret_fd);
	*ret_fd = tty_open_slave(fd, O_RDWR | O_NONBLOCK);
	return *ret_fd < 0 ? err_sys(dump_err(d), "open", "can't open the slave of %s", tty->object)
			   : 0;
}

static int take_and_note(struct dump *d, struct tty_out *tty, int fd, int other, struct queue *q)
{
	int ret;

	await_turn(tty->master ? other : fd);
	q->error = q->lost = q->len = q->n_lines = 0;
	q->stopped = false;
	ret = run_helper(d, tty, fd, other, q);
	if (ret < 0)
		return ret;
	if (q->stopped)
		tty_extra(d, tty)->has_stopped = tty->extra->stopped = true;
	if (q->lost)
		task_warn(tty->task, tty->object,
			  arena_printf(dump_arena(d),
				       "has more unread input than can be put back while its "
				       "master is outside of the tree: of %u bytes, the last %u "
				       "are lost for a tree that goes on",
				       q->len, q->lost),
			  "");
	return note_queue(d, tty, q);
}

/* Nothing waits in a master: nothing has to be taken out to see that. A slave that was never opened
 * must not be opened here: as it is closed again, the master hangs up. */
static int look_at_empty(struct dump *d, struct tty_out *tty, int fd)
{
	_cleanup_fd_ int slave = -1;

	if (tty->closed || tty->e->locked || !tty_out_find(d, tty->e->id ^ 1))
		return 0;
	slave = tty_open_slave(fd, O_RDWR | O_NONBLOCK);
	if (queue_is_stopped(slave))
		tty_extra(d, tty)->has_stopped = tty->extra->stopped = true;
	return 0;
}

static int look_into(struct dump *d, struct tty_out *tty, struct queue *q)
{
	_cleanup_fd_ int fd = -1, other = -1;
	int bytes = 0, ret;

	fd = tty->master ? pidfd_get(tty->task->stop->pidfd, tty->fd, dump_err(d))
			 : open_own(d, tty);
	if (fd < 0)
		return fd;
	if (ioctl(fd, FIONREAD, &bytes) < 0)
		return err_sys(dump_err(d), "FIONREAD", "can't look at what waits in %s",
			       tty->object);
	if (tty->master && !bytes)
		return look_at_empty(d, tty, fd);
	if (!queues_may_look())
		return !bytes ? 0
			      : err_set(dump_err(d), ERR_PERMISSION, EPERM,
					"%d bytes wait in %s, and they can be read and put back "
					"only with CAP_SYS_ADMIN",
					bytes, tty->object);
	ret = open_other(d, tty, fd, &other);
	return ret < 0 ? ret : take_and_note(d, tty, fd, other, q);
}

int queues_write(struct dump *d)
{
	struct ttys_out *all = ttys_out(d);
	struct queue *q =
		mmap(NULL, sizeof(*q), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int ret = 0;

	if (q == MAP_FAILED)
		return err_sys(dump_err(d), "mmap", "no memory for what waits in terminals");
	for (size_t i = 0; ret == 0 && i < all->n; i++)
		if (!all->ttys[i]->hung_up && !all->ttys[i]->current && !all->ttys[i]->device)
			ret = look_into(d, all->ttys[i], q);
	munmap(q, sizeof(*q));
	if (ret < 0 || !all->n_data)
		return ret;
	return image_write_all(d->s->images, IMAGE_TTY_DATA, 0, (void **)all->data, all->n_data,
			       dump_err(d));
}

/* --- restore ----------------------------------------------------------------------------------- */

/* CRIU's images have no lines: they end where newlines are. */
static void find_lines(struct restore *r, const TtyDataEntry *e, uint32_t **ret, size_t *ret_n)
{
	size_t start = 0;

	*ret = NULL;
	*ret_n = 0;
	for (size_t i = 0; i < e->data.len; i++) {
		if (e->data.data[i] != '\n')
			continue;
		arena_push(restore_arena(r), *ret, *ret_n, (uint32_t)(i + 1 - start));
		start = i + 1;
	}
}

/* An image may have more than the driver takes; waiting for room would never end. */
static int put_in_slave(const struct tty_in *tty, const struct termios2 *t, const TtyDataEntry *e,
			const uint32_t *line, size_t n_lines)
{
	_cleanup_fd_ int slave = tty_in_open(tty, O_RDWR | O_NONBLOCK);
	int master = tty->borrowed ? -1 : tty->service, flags = fcntl(tty->service, F_GETFL), ret;

	if (slave < 0 || flags < 0 ||
	    (master >= 0 && fcntl(master, F_SETFL, flags | O_NONBLOCK) < 0))
		return -errno;
	ret = queue_put_input(slave, master, t, e->data.data, e->data.len, line, n_lines);
	if (master >= 0 && fcntl(master, F_SETFL, flags) < 0 && ret >= 0)
		ret = -errno;
	return ret;
}

static int fill_input(struct restore *r, const struct tty_in *tty, const TermiosEntry *modes)
{
	const TtyDataEntry *e = tty->queue[0];
	const CrtoolsTty *x = tty->extra[0];
	struct termios2 t;
	uint32_t *line;
	size_t n;

	if (ioctl(tty->service, TCGETS2, &t) < 0)
		return -errno;
	if (modes) {
		t.c_lflag = modes->c_lflag;
		memcpy(t.c_cc, modes->c_cc, sizeof(t.c_cc));
	}
	if (x && x->n_line) {
		line = x->line;
		n = x->n_line;
	} else {
		find_lines(r, e, &line, &n);
	}
	return put_in_slave(tty, &t, e, line, n);
}

static int fill_output(const struct tty_in *tty)
{
	const TtyDataEntry *e = tty->queue[1];
	_cleanup_fd_ int slave = tty_in_open(tty, O_RDWR | O_NONBLOCK);

	return slave < 0 ? -errno
			 : queue_put_output(tty->service, slave, false, e->data.data, e->data.len);
}

int queues_stop(struct restore *r, const struct tty_in *tty)
{
	_cleanup_fd_ int slave = -1;
	int ret;

	if (!tty->extra[1] || !tty->extra[1]->stopped)
		return 0;
	slave = tty_in_open(tty, O_RDWR | O_NONBLOCK);
	ret = slave < 0 ? -errno : queue_stop_output(slave);
	errno = -ret;
	return ret < 0 ? err_sys(restore_err(r), "TIOCSTI",
				 "can't stop the output of /dev/pts/%u, as it was (^S takes "
				 "CAP_SYS_ADMIN)",
				 tty->index)
		       : 0;
}

int queues_fill(struct restore *r, const struct tty_in *tty)
{
	const TermiosEntry *modes = tty->slave ? tty->slave->termios : NULL;
	int ret = 0;

	if (tty->queue[1])
		ret = fill_output(tty);
	if (ret == 0 && tty->queue[0])
		ret = fill_input(r, tty, modes);
	if (ret > 0)
		log_warn("What waits in %s is more than it takes: the last %d bytes are lost",
			 tty->inherit ? tty->inherit : "crtools' own terminal", ret);
	errno = -ret;
	return ret < 0 ? err_sys(restore_err(r), "TIOCSTI",
				 "can't put back what waited in /dev/pts/%u (that takes "
				 "CAP_SYS_ADMIN)",
				 tty->index)
		       : 0;
}
