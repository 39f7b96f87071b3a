/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the classes of this family share: names and how they are opened, what
 * is recorded of a file and compared, files whose name is gone.
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_FILE_FILE_H
#define OBJECTS_FILE_FILE_H

#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/registry.h"

/* In an open file's flags; the C library's macro of a like name has more bits. */
#define KERNEL_O_TMPFILE 020000000

extern const struct file_class pipe_class, fifo_class, memfd_class, reg_class, tun_class,
	unknown_class;

/* Locks and leases, of whatever descriptors hold them (lock.c). */
extern const struct state_class locks_state;

/* --- path.c ---------------------------------------------------------------------------------- */

/* Opens an absolute name below a root, which it can't leave. The descriptor (CLOEXEC) or -errno;
 * err is not filled. mode is for O_CREAT. */
int path_open(int root, const char *name, int flags, mode_t mode);
/* The same, with O_CLOEXEC only if that is among the flags. */
int path_open_as(int root, const char *name, int flags, mode_t mode);
/* lstat of an absolute name below a root, for names from /proc (they hold no symbolic links);
 * -errno. */
int path_stat(int root, const char *name, struct stat *ret);
/* And the inode's flags (kernel/inode.h). */
int path_inode(int root, const char *name, struct stat *ret, uint64_t *ret_attributes);
/* May the tool open it with these flags, as far as modes, access lists and the mount tell? 0 or
 * -errno. */
int path_may_open(int root, const char *name, int flags);
/* Where the last component of an absolute name starts; "" for "/". */
const char *path_last(const char *name);
/* A new description of what fd refers to, by /proc/self/fd; -errno. */
int fd_reopen(int fd, int flags);
/* "/proc/self/fd/N" */
#define FD_PATH_SIZE 32
const char *fd_path(int fd, char buf[static FD_PATH_SIZE]);
/* A name of /proc: "/proc/PID", "/proc/PID/task/TID/…". tid is 0 without a task part. */
bool path_proc_ids(const char *name, pid_t *ret_pid, pid_t *ret_tid);

/* --- detached.c ------------------------------------------------------------------------------ */

/* Is the descriptor of a mount that has no place in the tree of mounts? */
bool mount_is_detached(struct dump *d, const struct file_probe *p);

/* --- validate.c: what is recorded of a regular file, and compared ------------------------------ */

int validate_record(struct dump *d, const struct file_probe *p, RegFileEntry *e);
/* Does comparing it take more than its stat? */
bool validate_reads(const struct restore *r, const RegFileEntry *e);
/* path_fd: O_PATH, or -1 if validate_reads() says no. *ret_text says what is different ("size is 5,
 * was 7"), NULL: nothing is. */
int validate_compare(struct restore *r, const RegFileEntry *e, int path_fd, const struct stat *st,
		     const char **ret_text);
/* What helps against such a difference; st as the file is now. */
const char *validate_cure(const struct restore *r, const RegFileEntry *e, const struct stat *st);

/* --- reg.c ------------------------------------------------------------------------------------- */

/* The entry of a file with a path, for reg and fifo: name, flags, position, owner, remaps. */
int reg_fill(struct dump *d, uint32_t id, const struct file_probe *p, RegFileEntry **ret);
/* For an entry of files.img that no descriptor has, such as a fifo's path. */
void reg_add(struct dump *d, RegFileEntry *e);
/* An O_PATH descriptor of the file; the caller closes it. Restore. */
int reg_open_path(struct restore_task *t, struct restore_file *f, int *ret_fd);

/* --- ext.c ------------------------------------------------------------------------------------- */

/* Was it declared by --external? */
bool ext_matches(const struct file_probe *p);
int ext_fill(struct dump *d, uint32_t id, const struct file_probe *p, RegFileEntry **ret);
/* A service descriptor of what --inherit-fd gives for this key; -ENOENT: it gives nothing. */
int inherited_fd(struct restore *r, const char *key);

/* --- remap.c, ghost.c: files whose name is gone (dump) -------------------------------------------
 */

/* What is gathered until write: in dump.priv[SLOT_GHOST]. */
struct ghost_out {
	uint32_t id;
	struct dump_task *task;
	const char *magic; /* the file is reached through the task's /proc */
	const char *name;
	struct stat stat;
};
struct link_out {
	struct dump_task *task;
	const char *magic, *name; /* of the link that has to be made */
};
struct files_out {
	int root; /* of the tree's mount namespace */
	struct hash ghosts_by_inode;
	struct ghost_out **ghosts;
	size_t n_ghosts;
	struct link_out *links;
	size_t n_links;
	RemapFilePathEntry **remaps;
	size_t n_remaps;
	bool written;
};
int files_out_of(struct dump *d, struct files_out **ret);
/* Everything that was gathered goes to the images. Once. */
int files_out_write(struct dump *d);
/* The name of e does not lead to the file: finds out why, and how the file can be had again. */
int remap_collect(struct dump *d, const struct file_probe *p, RegFileEntry *e);
int ghost_write(struct dump *d, struct ghost_out *g);

/* --- remap_restore.c, ghost_restore.c
 * -------------------------------------------------------------- */

struct ghost_in {
	uint32_t id;
	GhostFileEntry *e;
	CrtoolsGhost *extra; /* NULL: CRIU's image */
	int fd;		     /* of the file made again; O_PATH unless regular or directory */
	int dir;	     /* directory and name of the link that keeps it until all are open */
	const char *base;
	bool base_is_name; /* base is the file's own name (directories) */
	bool unnamed;	   /* made by O_TMPFILE: has no base */
};
struct remap_in {
	struct restore_file *file; /* has the name that is gone */
	RemapType type;
	struct ghost_in *ghost;	   /* GHOST */
	struct restore_file *link; /* LINKED: where it can be found; goes away in the end */
	const char *found;	   /* or where it is found under a name of its own */
	const char *name;	   /* by which it has to be opened */
	int service;		   /* the open file, or O_PATH for fifos; -1 before prepare */
};
struct files_in {
	int root;	    /* service descriptor of the root that names start at */
	struct hash remaps; /* file id -> struct remap_in */
	struct remap_in **list;
	size_t n;
	struct hash ghosts; /* id -> struct ghost_in */
	bool prepared;
	bool is_root;	      /* the tool's effective user */
	const char *writable; /* a name in a directory that may be written to, or NULL */
	size_t writable_len;  /* of that directory's name */
};
int files_in_of(struct restore *r, struct files_in **ret);
/* NULL: the file has its name. */
struct remap_in *remap_of(struct restore *r, uint32_t file_id);
/* Makes deleted files again and opens them all. Once. */
int remap_prepare(struct restore *r);
void remap_finish(struct restore *r, struct restore_file *f);
/* How a file is opened that had these flags when it was dumped. */
int reg_open_flags(const RegFileEntry *e);
/* What of an inode's flags (STATX_ATTR_*) forbids to open it with these flags, and the cure; NULL
 * if nothing does. */
const char *inode_flags_forbid(uint64_t attributes, uint32_t flags, const char **ret_cure);

int ghost_read(struct restore *r, uint32_t id, struct ghost_in **ret);
/* Contents into g->fd; then, when all names are gone, owner, mode, xattrs, times. */
int ghost_fill(struct restore *r, struct ghost_in *g);
int ghost_dress(struct restore *r, struct ghost_in *g, const char *name);

/* --- pipe_data.c: what is in pipes and fifos
 * --------------------------------------------------------- */

#define PIPE_SIZE_MAX (1u << 31) /* the kernel's own limit (round_pipe_size) */

struct pipe_out {
	uint32_t id;
	dev_t dev;
	ino_t ino;
	struct dump_task *task; /* an end of it; a reading one if there is any */
	int fd;
	bool readable, read_end, write_end; /* what the tree has */
};
/* Notes one more end of a pipe (slot: SLOT_PIPE or SLOT_FIFO), gives the pipe's id. */
int pipe_data_note(struct dump *d, enum state_slot slot, const struct file_probe *p,
		   uint32_t *ret_id);
/* Writes pipes-data or fifo-data. Once. */
int pipe_data_write(struct dump *d, enum state_slot slot);
/* The warnings of pipe_data_write about pipes. */
int pipe_data_examine(struct dump *d);

struct pipe_in {
	uint32_t id, bytes, size;   /* size 0: unknown */
	uint64_t offset;	    /* of the bytes in the image */
	const CrtoolsPipe *packets; /* NULL: a stream */
	struct restore_file **ends; /* [0] is opened first, in the same task as the others */
	size_t n_ends;
	int spare[2];  /* reading and writing end that another end will take; -1 */
	int inherited; /* service descriptor of what takes the pipe's place; -1 */
	bool inherit_asked;
};
/* The pipe of an end; notes the end and groups it with the first one. For check. */
int pipe_data_join(struct restore *r, enum state_slot slot, uint32_t id, struct restore_file *f,
		   struct pipe_in **ret);
/* Before the first fork: the image becomes a service descriptor. Once. */
int pipe_data_prepare(struct restore *r, enum state_slot slot);
/* Size and contents, by a descriptor that can write and does not block. */
int pipe_data_fill(struct restore_task *t, enum state_slot slot, const struct pipe_in *pi, int fd);

#endif
