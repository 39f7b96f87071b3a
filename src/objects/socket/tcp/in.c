/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections of the images: what is checked before the fork, and the lock.
 *
 * The dump has left a table of nf_tables on the host, named by the id of its run; on another host
 * there is none, and it is made, so that no peer hears of a connection before it is whole. When it
 * is decided that the tree lives, the table goes, and each connection leaves repair mode, with a
 * probe that makes its peer answer at once; it can't be told before, as a tree that fails must end
 * without a word. What a tool that is killed leaves of that, crtools clean does.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/team.h"
#include "image/reader.h"
#include "kernel/nftables.h"
#include "kernel/pidfd.h"
#include "objects/socket/inet/inet.h"

static void find_users(struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (!t->table || t->table->owner != t)
			continue;
		for (size_t k = 0; k < t->table->n_fds; k++) {
			struct restore_file *f = t->table->fds[k].file;
			struct inet_in *s = f->priv;

			if (f->entry->type != FD_TYPES__INETSK || !s || s->user)
				continue;
			s->user = t;
			s->user_fd = t->table->fds[k].e->fd;
		}
	}
}

static int read_stream(struct restore *r, struct inet_in *s)
{
	TcpStreamEntry *stream;
	uint64_t len;
	int ret = image_read_with_payload(r->s->images, IMAGE_TCP_STREAM, s->e->ino,
					  restore_arena(r), restore_err(r), &stream, &s->queues,
					  &len);

	if (ret == 0)
		ret = tcp_check_stream(r, s, stream);
	if (ret == 0)
		s->stream = stream;
	return ret;
}

static uint64_t key_of(const struct nft_connection *c, bool of_peer)
{
	uint64_t key = of_peer ? (uint64_t)c->dst_port << 16 | c->src_port
			       : (uint64_t)c->src_port << 16 | c->dst_port;

	for (int i = 0; i < 4; i++)
		key = hash_mix(key, of_peer ? (uint64_t)c->dst[i] << 32 | c->src[i]
					    : (uint64_t)c->src[i] << 32 | c->dst[i]);
	return key;
}

int tcp_note_ends(struct restore *r, struct inet_restore *x, struct inet_in *s)
{
	struct nft_connection c = tcp_connection(s->e);
	uint64_t key = key_of(&c, false);
	const struct inet_in *other = hash_get(&x->ends, key);
	char text[INET_TEXT_SIZE];
	union inet_addr peer;

	if (!other) {
		hash_put(&x->ends, key, s);
		return 0;
	}
	inet_destination(s->e, &peer);
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EEXIST,
		       "files.img: %s and %s are both connected to %s", inet_object(r, other),
		       inet_object(r, s), inet_text(&peer, text));
}

int tcp_check(struct restore *r, struct inet_restore *x, struct inet_in *s)
{
	const InventoryEntry *inventory = r->inventory;
	int ret;

	if (!x->n_connections)
		find_users(r);
	x->n_connections++;
	if (r->s->opts->tcp_close)
		return 0;
	if (!image_dir_has(r->s->images, IMAGE_TCP_STREAM, s->e->ino)) {
		report_refuse(&r->s->report, 0, inet_object(r, s),
			      "was connected, and its connection is not in the images",
			      "restore it closed, with --tcp-close");
		return 0;
	}
	if (!r->s->opts->tcp_established)
		report_refuse(&r->s->report, 0, inet_object(r, s), "is a TCP connection",
			      "restore it with --tcp-established, or closed with --tcp-close");
	if (!x->warned &&
	    (!inventory->has_network_lock_method || inventory->network_lock_method == 0))
		report_warn(
			&r->s->report, 0, inet_object(r, s),
			"is of a dump that locked connections by rules of iptables, which "
			"crtools leaves where they are",
			"remove them: iptables -D INPUT and OUTPUT, as iptables-save shows them");
	x->warned = true;
	ret = read_stream(r, s);
	return ret < 0 ? ret : tcp_note_ends(r, x, s);
}

int tcp_closed_check(struct restore *r, struct inet_restore *x, struct inet_in *s)
{
	const TcpStreamEntry *t;
	int ret;

	if (!s->e->dst_port || !image_dir_has(r->s->images, IMAGE_TCP_STREAM, s->e->ino))
		return 0;
	if (!x->n_connections++) /* they may have a lock */
		find_users(r);
	ret = read_stream(r, s);
	t = TAKE_PTR(s->stream);
	if (ret == 0 && (t->inq_len || (s->x && s->x->has_reset && s->x->reset)))
		s->ended = t;
	return ret;
}

/* --- the lock ------------------------------------------------------------------------------------
 */

static void unlock(void *data)
{
	struct inet_restore *x = data;
	struct err err = { 0 };
	int ret = x->lock[0] ? nft_unlock(x->lock, &err) : 0;

	if (ret < 0 && ret != -ENOENT)
		log_error("can't remove the table %s of nf_tables: %s", x->lock, err.text);
	x->lock[0] = '\0';
}

static int lock(struct restore *r, struct inet_restore *x)
{
	_cleanup_free_ struct nft_connection *all =
		calloc(x->n_connections + x->n_waiting, sizeof(*all));
	size_t n = 0;
	int ret;

	if (!all)
		return err_set(restore_err(r), ERR_RESOURCE, ENOMEM,
			       "no memory to lock connections");
	for (size_t i = 0; i < x->n; i++) {
		if (x->all[i]->stream && x->all[i]->e->state != INET_CLOSE)
			all[n++] = tcp_connection(x->all[i]->e);
		for (size_t k = 0; k < x->all[i]->n_waiting; k++)
			all[n++] = tcp_connection(x->all[i]->waiting[k].end.e);
	}
	ret = n ? nft_lock(x->lock, all, n, restore_err(r)) : -EEXIST;
	if (ret == -EEXIST)
		return 0;
	journal_add(&r->s->journal, "netlock %s\n", x->lock);
	undo_push(&r->s->undo, unlock, x);
	return ret;
}

int tcp_prepare(struct restore *r, struct inet_restore *x)
{
	const InventoryEntry *inventory = r->inventory;

	if (x->prepared || !(x->n_connections + x->n_waiting))
		return 0;
	x->prepared = true;
	journal_add(&r->s->journal, "release\n");
	if (inventory->network_lock_method == LOCK_SKIP)
		return 0;
	if (inventory->dump_criu_run_id && inventory->dump_criu_run_id[0])
		nft_lock_name(inventory->dump_criu_run_id, x->lock);
	else
		snprintf(x->lock, sizeof(x->lock), "CRIU-%d", r->root->vpid);
	journal_add(&r->s->journal, "unlock %s\n", x->lock);
	return lock(r, x);
}

/* --- the end -------------------------------------------------------------------------------------
 */

static bool is_quiet(const struct inet_in *s)
{
	return s->e->state == INET_ESTABLISHED && !s->stream->outq_len;
}

/* Where both ends are in the tree, and have nothing to send, nobody has missed anything. */
static bool needs_probe(const struct hash *ends, const struct inet_in *s)
{
	struct nft_connection c = tcp_connection(s->e);
	const struct inet_in *peer = hash_get(ends, key_of(&c, true));

	return !peer || !is_quiet(s) || !is_quiet(peer);
}

static int go_on(struct restore *r, const struct inet_restore *x, const struct inet_in *s,
		 int pidfd, struct err *err)
{
	_cleanup_fd_ int fd = pidfd_get(pidfd, s->user_fd, err);
	int ret;

	if (fd < 0)
		return fd;
	ret = tcp_repair(fd, needs_probe(&x->ends, s) ? TCP_REPAIR_END_PROBE : TCP_REPAIR_END);
	if (ret < 0) {
		errno = -ret;
		return err_sys(err, "setsockopt", "can't let %s go on", inet_object(r, s));
	}
	/* The end of repair mode has taken SO_REUSEADDR away; the rest stands. */
	return s->e->opts->has_reuseaddr && s->e->opts->reuseaddr ? inet_set_reuse(r, err, s, fd)
								  : 0;
}

/* Connections by thousands leave by a team of threads. */
struct leaving {
	struct restore *r;
	struct inet_restore *x;
	/* Of each thread: whose descriptors it takes. */
	struct leaving_by {
		const struct restore_task *of;
		int pidfd;
	} by[TEAM_MAX];
};

#define LEAVING_WORTH 64 /* connections */
#define LEAVING_PART  16

static void leave_repair(const struct leaving *l, struct leaving_by *by, const struct inet_in *s)
{
	struct err err = { 0 };

	if (!s->stream || !s->user)
		return;
	if (s->user != by->of) {
		close_fd(&by->pidfd);
		by->pidfd = pidfd_open_pid(s->user->real_pid, &err);
		by->of = by->pidfd < 0 ? NULL : s->user;
	}
	if (by->pidfd < 0 || go_on(l->r, l->x, s, by->pidfd, &err) < 0)
		log_error("%s", err.text);
}

static int leaving_part(void *data, size_t who, size_t part)
{
	struct leaving *l = data;
	size_t end = (part + 1) * LEAVING_PART;

	for (size_t i = part * LEAVING_PART; i < end && i < l->x->n; i++)
		leave_repair(l, &l->by[who], l->x->all[i]);
	return 0;
}

void tcp_release(struct restore *r, struct inet_restore *x)
{
	struct leaving l = { .r = r, .x = x };

	if (!x || x->released || !(x->n_connections + x->n_waiting))
		return;
	x->released = true;
	unlock(x);
	for (size_t i = 0; i < TEAM_MAX; i++)
		l.by[i].pidfd = -1;
	team_run(team_size(x->n, LEAVING_WORTH), (x->n + LEAVING_PART - 1) / LEAVING_PART,
		 leaving_part, &l);
	for (size_t i = 0; i < TEAM_MAX; i++)
		close_fd(&l.by[i].pidfd);
}
