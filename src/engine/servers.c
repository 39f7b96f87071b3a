/* SPDX-License-Identifier: Apache-2.0 */
/* See servers.h. The list of mounts is the kernel's: to read it asks nobody. */
#include "engine/servers.h"

#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

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

int servers_find(struct session *s, struct servers *ret)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	struct proc_mounts all = { 0 };
	size_t len = 0;
	char *text = NULL;
	int err = proc_open(&self, getpid(), &buf, s->err);

	*ret = (struct servers){ 0 };
	if (err == 0)
		err = proc_read(&self, "mountinfo", &text, &len, s->err);
	if (err == 0 && any_server(text))
		err = proc_mountinfo(&self, &s->arena, &all, s->err);
	proc_close(&self);
	proc_buf_free(&buf);
	for (size_t i = 0; err == 0 && i < all.n; i++)
		if (has_server(all.mounts[i].fstype))
			arena_push(&s->arena, ret->mounts, ret->n, all.mounts[i]);
	return err;
}

bool server_has(const struct proc_mount *mount, const char *path)
{
	size_t len = strlen(mount->point);

	return !strncmp(path, mount->point, len) && (len == 1 || !path[len] || path[len] == '/');
}
