/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems whose server may never answer (a FUSE process that hangs, an NFS server that is
 * gone). Whoever asks waits, and with FUSE not even SIGKILL ends that (fs/fuse/dev.c,
 * request_wait_answer): a tool that froze the tree first would leave it frozen. So before anything
 * is stopped, for each such file system that the tree uses, a process of its own asks for something
 * that no cache holds (AT_STATX_FORCE_SYNC); if it has no answer within --timeout, the tree is
 * refused. That process is left waiting, and ends when there is an answer, or the mount has gone.
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
#include "kernel/pidfd.h"
#include "kernel/proc/fd.h"
#include "kernel/proc/maps.h"
#include "kernel/proc/mountinfo.h"
#include "task/observe.h"

struct server {
	const struct proc_mount *mount;
	size_t length;	  /* of the mount point's name */
	pid_t user;	  /* the first that was found; 0: the tree does not use it */
	const char *file; /* of it */
	int scout;	  /* pidfd */
};

struct scouting {
	struct session *s;
	struct server *servers;
	size_t n;
};

/* The type of a mount, up to a dot ("fuse.sshfs") or what else is behind it. */
static bool has_server(const char *fstype)
{
	static const char *const types[] = {
		"fuse", "fuseblk", "nfs", "nfs4",     "cifs", "smb3",
		"9p",	"ceph",	   "afs", "virtiofs", "coda", "lustre"
	};
	size_t len = strcspn(fstype, ". ");

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strlen(types[i]) == len && !strncmp(types[i], fstype, len))
			return true;
	return false;
}

/* In the lines of mountinfo the type is behind a dash. Most machines have none of these, and need
 * not take hundreds of mounts apart. */
static bool any_server(const char *text)
{
	while ((text = strstr(text, " - "))) {
		text += strlen(" - ");
		if (has_server(text))
			return true;
	}
	return false;
}

static int find_servers(struct scouting *sc)
{
	struct arena *a = &sc->s->arena;
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	struct proc_mounts mounts = { 0 };
	size_t len = 0;
	char *text = NULL;
	int ret = proc_open(&self, getpid(), &buf, sc->s->err);

	if (ret == 0)
		ret = proc_read(&self, "mountinfo", &text, &len, sc->s->err);
	if (ret == 0 && any_server(text))
		ret = proc_mountinfo(&self, a, &mounts, sc->s->err);
	proc_close(&self);
	proc_buf_free(&buf);
	for (size_t i = 0; ret == 0 && i < mounts.n; i++) {
		struct server one = { .mount = &mounts.mounts[i], .scout = -1 };

		one.length = strlen(one.mount->point);
		if (has_server(one.mount->fstype))
			arena_push(a, sc->servers, sc->n, one);
	}
	return ret;
}

static void note_file(struct scouting *sc, pid_t pid, const char *path)
{
	for (size_t i = 0; i < sc->n; i++) {
		struct server *server = &sc->servers[i];
		bool below = !strncmp(path, server->mount->point, server->length) &&
			     (server->length == 1 || !path[server->length] ||
			      path[server->length] == '/');

		if (below && !server->user) {
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

int scout_servers(struct session *s, const struct tree_stop *known)
{
	struct scouting sc = { .s = s };
	struct tree_stop tree = { 0 };
	int ret = s->opts->timeout ? find_servers(&sc) : 0;

	if (ret < 0 || !sc.n)
		return ret;
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
	return ask_servers(&sc);
}
