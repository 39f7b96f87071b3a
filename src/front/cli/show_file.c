/* SPDX-License-Identifier: Apache-2.0 */
/* What show says of a file, a mapping, a task: one short phrase each. See show.h. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "front/cli/show.h"
#include "image/constants.h"

/* A name from an image may hold anything; a terminal obeys control characters. */
static const char *printable(struct show *s, const char *name, size_t len)
{
	char *text = arena_alloc(s->arena, 4 * len + 1), *out = text;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = name[i];

		if (c < 0x20 || c == 0x7f)
			out += sprintf(out, "\\x%02x", c);
		else
			*out++ = (char)c;
	}
	return text;
}

static const char *reg_text(struct show *s, const RegFileEntry *reg)
{
	const RemapFilePathEntry *remap = hash_get(&s->remaps, reg->id);
	const char *name = printable(s, reg->name, strlen(reg->name)), *what = "";

	if (reg->ext)
		what = " (external)";
	else if (remap && remap->has_remap_type && remap->remap_type == REMAP_TYPE__GHOST)
		what = " (deleted, kept in the images)";
	else if (remap && remap->has_remap_type && remap->remap_type == REMAP_TYPE__PROCFS)
		what = " (of a process that was gone)";
	else if (remap)
		what = " (deleted, another link exists)";
	return arena_printf(s->arena, "%s%s", name, what);
}

static const char *address(struct show *s, const InetSkEntry *sk, const uint32_t *words, size_t n,
			   uint32_t port)
{
	char text[INET6_ADDRSTRLEN];

	if (sk->family == AF_INET6 && n >= 4) {
		inet_ntop(AF_INET6, words, text, sizeof(text));
		return arena_printf(s->arena, "[%s]:%u", text, port);
	}
	if (sk->family == AF_INET && n >= 1) {
		inet_ntop(AF_INET, words, text, sizeof(text));
		return arena_printf(s->arena, "%s:%u", text, port);
	}
	return "?";
}

static const char *inet_text(struct show *s, const InetSkEntry *sk)
{
	static const char *const states[] = {
		[TCP_ESTABLISHED] = "established",
		[TCP_SYN_SENT] = "syn-sent",
		[TCP_SYN_RECV] = "syn-received",
		[TCP_FIN_WAIT1] = "fin-wait-1",
		[TCP_FIN_WAIT2] = "fin-wait-2",
		[TCP_TIME_WAIT] = "time-wait",
		[TCP_CLOSE] = "closed",
		[TCP_CLOSE_WAIT] = "close-wait",
		[TCP_LAST_ACK] = "last-ack",
		[TCP_LISTEN] = "listening",
		[TCP_CLOSING] = "closing",
	};
	const char *proto = sk->proto == IPPROTO_TCP	   ? "TCP"
			    : sk->proto == IPPROTO_UDP	   ? "UDP"
			    : sk->proto == IPPROTO_UDPLITE ? "UDP-Lite"
							   : "raw";
	const char *state = sk->state < ARRAY_SIZE(states) && states[sk->state]
				    ? states[sk->state]
				    : "in an unknown state";
	const char *from = address(s, sk, sk->src_addr, sk->n_src_addr, sk->src_port);

	if (sk->dst_port)
		return arena_printf(s->arena, "%s %s -> %s, %s", proto, from,
				    address(s, sk, sk->dst_addr, sk->n_dst_addr, sk->dst_port),
				    state);
	return sk->proto == IPPROTO_TCP ? arena_printf(s->arena, "%s %s, %s", proto, from, state)
					: arena_printf(s->arena, "%s %s", proto, from);
}

static const char *unix_text(struct show *s, const UnixSkEntry *sk)
{
	const char *name = (const char *)sk->name.data;
	size_t len = sk->name.len;

	if (!len && sk->peer)
		return arena_printf(s->arena, "unix socket:[%u], peer socket:[%u]", sk->ino,
				    sk->peer);
	if (!len)
		return arena_printf(s->arena, "unix socket:[%u]", sk->ino);
	/* An abstract name begins with NUL; a path may end with one. */
	if (!name[0])
		return arena_printf(s->arena, "unix socket @%s", printable(s, name + 1, len - 1));
	if (!name[len - 1])
		len--;
	return arena_printf(s->arena, "unix socket %s%s%s",
			    sk->name_dir ? printable(s, sk->name_dir, strlen(sk->name_dir)) : "",
			    sk->name_dir ? "/" : "", printable(s, name, len));
}

static const char *memfd_text(struct show *s, const MemfdFileEntry *memfd)
{
	const MemfdInodeEntry *inode = hash_get(&s->memfds, memfd->inode_id);

	return arena_printf(s->arena, "/memfd:%s",
			    inode ? printable(s, inode->name, strlen(inode->name)) : "?");
}

/* Fifos and terminals are opened by path: an entry of its own, which must be a regular one. */
static const RegFileEntry *path_of(const struct show *s, const FileEntry *f)
{
	const FileEntry *path = NULL;

	if (f->fifo && f->fifo->has_regf_id)
		path = hash_get(&s->files, f->fifo->regf_id);
	else if (f->tty && f->tty->has_regf_id)
		path = hash_get(&s->files, f->tty->regf_id);
	return path ? path->reg : NULL;
}

const char *show_file_text(struct show *s, uint32_t id)
{
	const FileEntry *f = hash_get(&s->files, id);

	if (!f)
		return arena_printf(s->arena, "file %u", id);
	if (f->reg)
		return reg_text(s, f->reg);
	if (f->pipe)
		return arena_printf(s->arena, "pipe:[%u]", f->pipe->pipe_id);
	if (f->isk)
		return inet_text(s, f->isk);
	if (f->usk)
		return unix_text(s, f->usk);
	if (f->memfd)
		return memfd_text(s, f->memfd);
	if (path_of(s, f))
		return arena_printf(s->arena, "%s %s", f->tty ? "tty" : "fifo",
				    reg_text(s, path_of(s, f)));
	if (f->efd)
		return arena_printf(s->arena, "eventfd, count %lu", (unsigned long)f->efd->counter);
	if (f->epfd)
		return arena_printf(s->arena, "epoll, %zu members", f->epfd->n_tfd);
	if (f->pidfd)
		return arena_printf(s->arena, "pidfd of %d", f->pidfd->nspid);
	if (f->bpf)
		return arena_printf(s->arena, "BPF map %u %s", f->bpf->map_id, f->bpf->map_name);
	if (f->type == FD_TYPES__CRTOOLS_SECRET)
		return "secret memory";
	if (f->type == FD_TYPES__CRTOOLS_URING)
		return "ring of io_uring";
	return "";
}

const char *show_file_type(const FdinfoEntry *fd)
{
	return enum_name(&fd_types__descriptor, fd->type) ?: "unknown";
}

const char *show_file_access(struct show *s, uint32_t id)
{
	const FileEntry *f = hash_get(&s->files, id);
	uint32_t flags;

	if (f && f->reg)
		flags = f->reg->flags;
	else if (f && f->pipe)
		flags = f->pipe->flags;
	else if (f && f->tty)
		flags = f->tty->flags;
	else if (f && f->memfd)
		flags = f->memfd->flags;
	else if (f && path_of(s, f))
		flags = path_of(s, f)->flags;
	else
		return "";
	if (flags & O_PATH)
		return "-";
	switch (flags & O_ACCMODE) {
	case O_RDONLY:
		return "r";
	case O_WRONLY:
		return "w";
	default:
		return "rw";
	}
}

const char *show_area_text(struct show *s, const VmaEntry *vma)
{
	static const struct {
		uint32_t status;
		const char *text;
	} kinds[] = {
		{ VMA_AREA_VDSO, "[vdso]" },	     { VMA_AREA_VVAR, "[vvar]" },
		{ VMA_AREA_VSYSCALL, "[vsyscall]" }, { VMA_AREA_STACK, "[stack]" },
		{ VMA_AREA_HEAP, "[heap]" },	     { VMA_AREA_AIORING, "[aio]" },
		{ VMA_AREA_GUARD, "[guard]" },	     { VMA_AREA_SOCKET, "packet socket" },
		{ VMA_AREA_URING, "io_uring" },	     { VMA_AREA_SECRET, "secret memory" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (vma->status & kinds[i].status)
			return kinds[i].text;
	if (vma->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED | VMA_AREA_MEMFD))
		return show_file_text(s, (uint32_t)vma->shmid);
	if (vma->status & VMA_AREA_SYSVIPC)
		return arena_printf(s->arena, "[sysv %lu]", (unsigned long)vma->shmid);
	if (vma->status & VMA_ANON_SHARED)
		return arena_printf(s->arena, "[shared %lu]", (unsigned long)vma->shmid);
	return "";
}

const char *show_state(const struct show_task *t)
{
	if (!t->core->tc)
		return "unknown";
	switch (t->core->tc->task_state) {
	case TASK_STATE_ALIVE:
		return "alive";
	case TASK_STATE_DEAD:
		return "zombie";
	case TASK_STATE_STOPPED:
		return "stopped";
	default:
		return "in an unknown state";
	}
}
