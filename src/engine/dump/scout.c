/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems whose server may never answer (a FUSE process that hangs, an NFS server that is
 * gone). Whoever asks waits, and with FUSE not even SIGKILL ends that (fs/fuse/dev.c,
 * request_wait_answer): a tool that froze the tree first would leave it frozen. So before anything
 * is stopped, for each such file system that the tree uses, a process of its own asks for something
 * that no cache holds (AT_STATX_FORCE_SYNC); if it has no answer within --timeout, the tree is
 * refused. That process is left waiting, and ends when there is an answer, or the mount has gone.
 * A server that falls silent afterwards is what the sentry is for (engine/sentry.h).
 *
 * Which files are where is told by names alone, by the kernel, which asks nobody for them (d_path).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/dump/dump.h"
#include "engine/servers.h"
#include "kernel/pidfd.h"
#include "kernel/proc/fd.h"
#include "kernel/proc/maps.h"
#include "task/observe.h"

struct server {
	const struct proc_mount *mount;
	pid_t user;	  /* the first that was found; 0: the tree does not use it */
	const char *file; /* of it */
	int scout;	  /* pidfd */
};

struct scouting {
	struct session *s;
	struct server *servers;
	size_t n;
};

static int find_servers(struct scouting *sc)
{
	struct servers found;
	int ret = servers_find(sc->s, &found);

	for (size_t i = 0; ret == 0 && i < found.n; i++) {
		struct server one = { .mount = &found.mounts[i], .scout = -1 };

		arena_push(&sc->s->arena, sc->servers, sc->n, one);
	}
	return ret;
}

static void note_file(struct scouting *sc, pid_t pid, const char *path)
{
	for (size_t i = 0; i < sc->n; i++) {
		struct server *server = &sc->servers[i];

		if (!server->user && server_has(server->mount, path)) {
			server->user = pid;
			server->file = path;
		}
	}
}

static void note_link(struct scouting *sc, const struct proc_stop *p, const char *name)
{
	struct proc_link link;

	if (proc_readlink(&p->proc, name, &sc->s->arena, &link, NULL) == 0)
		note_file(sc, p->pid, link.path);
}

/* What can't be read, or has gone meanwhile, is the dump's to find. */
static void note_files(struct scouting *sc, const struct proc_stop *p)
{
	static const char *const links[] = { "cwd", "root", "exe" };
	struct proc_areas areas = { 0 };
	struct proc_fds fds = { 0 };
	char name[32];

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		note_link(sc, p, links[i]);
	proc_fds(&p->proc, &sc->s->arena, &fds, NULL);
	for (size_t i = 0; i < fds.n; i++) {
		snprintf(name, sizeof(name), "fd/%d", fds.fds[i]);
		note_link(sc, p, name);
	}
	proc_maps(&p->proc, &sc->s->arena, &areas, NULL);
	for (size_t i = 0; i < areas.n; i++)
		if (areas.areas[i].path[0] == '/')
			note_file(sc, p->pid, areas.areas[i].path);
}

/* Where the tool works and where the images are to be. */
static void note_own_files(struct scouting *sc)
{
	struct proc_buf buf = { 0 };
	struct proc_stop self = { .pid = getpid(), .proc = PROC_INIT };
	char name[32];

	if (proc_open(&self.proc, self.pid, &buf, NULL) == 0) {
		note_link(sc, &self, "cwd");
		snprintf(name, sizeof(name), "fd/%d", sc->s->images_fd);
		note_link(sc, &self, name);
	}
	proc_close(&self.proc);
	proc_buf_free(&buf);
}

static int send_scout(struct scouting *sc, struct server *server)
{
	struct statx answer;
	pid_t pid = fork();

	if (pid == 0) {
		close_range(0, ~0U, 0); /* whoever reads what the tool prints waits for its end */
		statx(AT_FDCWD, server->mount->point, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT,
		      STATX_BASIC_STATS, &answer);
		_exit(0); /* an error is an answer */
	}
	if (pid < 0)
		return err_sys(sc->s->err, "fork", "asking whether %s answers",
			       server->mount->point);
	server->scout = pidfd_open_pid(pid, sc->s->err);
	return server->scout < 0 ? server->scout : 0;
}

/* An unreaped scout is init's when the tool has ended. */
static void await_scout(struct scouting *sc, struct server *server, uint64_t until)
{
	struct pollfd look = { .fd = server->scout, .events = POLLIN };
	struct arena *a = &sc->s->arena;
	uint64_t now = monotonic_ns();
	int ms = now < until ? (until - now) / 1000000 + 1 : 0, got;

	do
		got = poll(&look, 1, ms);
	while (got < 0 && errno == EINTR);
	if (got > 0) {
		waitid(P_PIDFD, server->scout, &(siginfo_t){ 0 }, WEXITED);
		return;
	}
	report_refuse(
		&sc->s->report, server->user, server->file,
		arena_printf(a,
			     "is on a file system whose server has not answered for %u s "
			     "(%s at %s): whoever looks at the file would wait without an end",
			     sc->s->opts->timeout, server->mount->fstype, server->mount->point),
		"see to the server, or take the mount away by force (umount -f)");
}

static int ask_servers(struct scouting *sc)
{
	uint64_t until = monotonic_ns() + sc->s->opts->timeout * UINT64_C(1000000000);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sc->n; i++)
		if (sc->servers[i].user)
			ret = send_scout(sc, &sc->servers[i]);
	for (size_t i = 0; i < sc->n; i++) {
		if (sc->servers[i].scout >= 0)
			await_scout(sc, &sc->servers[i], until);
		close_fd(&sc->servers[i].scout);
	}
	return ret;
}

/* Those that hold the tree's files, or the tool's; nobody else will be asked. */
static void tell_used(const struct scouting *sc, struct servers *ret)
{
	*ret = (struct servers){ 0 };
	for (size_t i = 0; i < sc->n; i++)
		if (sc->servers[i].user)
			arena_push(&sc->s->arena, ret->mounts, ret->n, *sc->servers[i].mount);
}

int scout_servers(struct session *s, const struct tree_stop *known, struct servers *ret_used)
{
	struct scouting sc = { .s = s };
	struct tree_stop tree = { 0 };
	int ret = s->opts->timeout ? find_servers(&sc) : 0;

	*ret_used = (struct servers){ 0 };
	if (ret < 0 || !sc.n)
		return ret;
	note_own_files(&sc);
	if (!known) {
		ret = tree_observe(&tree, s->opts->pid, &s->arena, s->err);
		if (ret < 0)
			return ret;
		known = &tree;
	}
	for (size_t i = 0; i < known->n_procs; i++)
		note_files(&sc, known->procs[i]);
	if (known == &tree)
		tree_release(&tree, TREE_RUN);
	tell_used(&sc, ret_used);
	return ask_servers(&sc);
}
