/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals: what the files of this family share.
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_TTY_TTY_H
#define OBJECTS_TTY_TTY_H

#include <sys/stat.h>

#include "base/hash.h"
#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/registry.h"

extern const struct file_class tty_class;
extern const struct state_class tty_state;

/* --- dump -------------------------------------------------------------------------------------- */

/* One terminal, in dump.priv[SLOT_TTY]. */
struct tty_out {
	TtyInfoEntry *e;
	CrtoolsTty *extra; /* NULL: nothing beside the entry */
	struct dump_task *task;
	int fd; /* in the task */
	const char *object;
	bool device;	/* no pseudoterminal */
	uint32_t index; /* of a pseudoterminal */
	int waiting;	/* bytes that can be read from it */
	bool master, hung_up;
	bool current;	 /* /dev/tty of a session: the entry is CRIU's, and stands for that slave */
	bool closed;	 /* a master: whoever had its slave has closed it */
	bool in_session; /* its session is noted */
};

struct ttys_out {
	struct tty_out **ttys;
	size_t n;
	struct hash by_id, current;   /* current: by session */
	struct hash by_device;	      /* not pseudoterminals */
	struct hash by_pid, by_group; /* tasks, as the tool sees them; of a group, one */
	TtyDataEntry **data;
	size_t n_data;
	uint32_t next_id, next_device_id; /* of entries of /dev/tty; of devices */
	bool noted, written, has_lookups;
};

struct ttys_out *ttys_out(struct dump *d);
struct tty_out *tty_out_find(struct dump *d, uint32_t id);
/* Its entry in the extras, made when it is asked for first. */
CrtoolsTty *tty_extra(struct dump *d, struct tty_out *tty);
/* Twice the index, and one more for the master. */
static inline uint32_t tty_pair_id(uint32_t index, bool master)
{
	return 2 * index + master;
}

void tty_out_add(struct dump *d, struct tty_out *tty);
/* Gives it the next id that is free. */
void tty_out_number(struct dump *d, struct tty_out *tty, uint32_t *next);
bool tty_is_hung_up(int fd);
/* tty-info.img and tty-data.img; once. */
int ttys_out_write(struct dump *d);

/* Sessions and foreground groups of all terminals. */
void tty_sessions_note(struct dump *d);
/* A slave that controls the task's session, and that nobody of the tree has open; *ret: NULL if the
 * tool can't open it. */
int tty_note_session(struct dump_task *t, dev_t dev, struct tty_out **ret);

/* --- restore ----------------------------------------------------------------------------------- */

/* One pseudoterminal, with both sides; or another terminal. */
struct tty_in {
	TtyInfoEntry *master, *slave, *any; /* as the images have them; any: one that is there */
	CrtoolsTty *extra[2];		    /* of the slave, of the master */
	TtyDataEntry *queue[2];		    /* read from the slave, from the master */
	const char *master_path;	    /* the name that the master was opened by */
	uint32_t index, master_flags;
	uint32_t node_mode;	     /* of the slave's name, as its entry has it; 0 */
	bool device;		     /* no pseudoterminal */
	bool has_slave;		     /* a description of the slave is in the images */
	struct restore_task *leader; /* it controls this one's session */
	int service;		     /* in the tool, inherited by all: the master; -1 */
	const char *path;	     /* of a device; else NULL */
	bool path_is_own;	     /* the path is from images of ours */
	bool borrowed;		     /* service is a terminal from outside, in place of the slave */
	const char *inherit;	     /* by --inherit-fd with this key; else the tool's own */
	int given;		     /* its number in the tool */
};

int ttys_in_read(struct restore *r);
struct tty_in *tty_in_of(struct restore *r, uint32_t info_id, const TtyInfoEntry **ret_info);
struct tty_in *tty_in_led_by(const struct restore_task *t);
/* The one in whose place the tool's own is; NULL. And the group of the tool. */
struct tty_in *ttys_in_borrowed(const struct restore *r);
pid_t ttys_in_tool_group(const struct restore *r);
/* A description of the slave, CLOEXEC, by its master; -1 with errno. */
int tty_open_slave(int master, int flags);
/* The same, or of what is in its place. */
int tty_in_open(const struct tty_in *tty, int flags);
/* What is given in its place, by --inherit-fd or --shell-job. */
int ttys_in_open_given(const struct tty_in *tty);
/* All terminals that the images have, in the tool; once. */
int ttys_in_make(struct restore *r);
void ttys_in_finish(struct restore *r);

/* The tool's own terminal belongs to the tool's group again. */
void tty_take_back(void);

/* --- device.c -------------------------------------------------------------------------------- */

bool device_is_type(TtyType type);

/* A descriptor of a device; path: the name that it was opened by. */
struct device_source {
	int fd, local; /* in the task, or -1; in the tool */
	const char *object, *path;
	const struct stat *stat;
};

struct tty_out *device_find(struct dump *d, dev_t dev);
int device_note(struct dump *d, struct dump_task *t, const struct device_source *from,
		struct tty_out **ret);
/* One that controls the task's session; *ret: NULL if the tool can't open it. */
int device_note_session(struct dump_task *t, dev_t dev, struct tty_out **ret);
/* Gives its entry an id, when all pseudoterminals have theirs. */
void device_number(struct dump *d, struct tty_out *tty);

/* Is it there? If not, that is refused. */
void device_check_path(struct restore *r, const struct tty_in *tty, const char *path);
/* CLOEXEC; -1 with errno. */
int device_open(const char *path, int flags);
/* In the tool, with its modes. */
int device_make(struct restore *r, struct tty_in *tty);

/* --- modes.c -------------------------------------------------------------------------------- */

/* By a descriptor of either side. */
int modes_collect(struct dump *d, struct tty_out *tty, int fd);
int modes_check(struct restore *r, const TtyInfoEntry *e);
/* The key of an external terminal, "tty[RDEV:DEV]". */
#define TTY_KEY_SIZE 48
const char *tty_key(const TtyInfoEntry *e, char buf[static TTY_KEY_SIZE]);
/* size: the window's too. */
int modes_apply(struct restore *r, const TtyInfoEntry *e, int fd, bool size);

/* --- queue.c ----------------------------------------------------------------------------------- */

/* May this tool take out what waits, and put it back? */
bool queues_may_look(void);
/* What waits in all terminals of the dump, to tty-data.img and the extras. */
int queues_write(struct dump *d);
int queues_fill(struct restore *r, const struct tty_in *tty);
/* Output that was stopped; when the terminal has its modes. */
int queues_stop(struct restore *r, const struct tty_in *tty);

#endif
