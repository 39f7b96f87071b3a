/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * The journal of one run: a line for each effect outside of the tool, written before the effect, so
 * that `crtools clean` can take back what a killed tool could not. The file is made with the first
 * line and removed at the end of the run; who finds one whose owner is gone may roll it back.
 *
 * Lines are fields with blanks between; blanks, newlines and percent signs in names are written as
 * %XX. A line counts only with its newline: it is written by one write(2), which appends it whole
 * or not at all as long as the machine itself goes on. (Nothing that a journal speaks of survives
 * a power cut but names in directories, and those of an old boot are looked at by their inodes.)
 *
 *	crtools 1 PID START BOOT-ID		the owner
 *	visit PID START SPOT LEN HINT SIZE BYTES	task/infect.c: the foothold and what was there
 *						("-": zeroes), where the agent's area will be
 *	area PID START ADDR SIZE		the area came to lie elsewhere
 *	name DIR NAME DEV INO			a name that goes away again, and what it leads to (0 0:
 *						any; such a name says that it is ours)
 *	swap DIR NAME SPARE DEV INO		NAME's file is SPARE meanwhile, NAME leads to the inode
 *	link DIR NAME DEV INO			the same as name, unless the images were committed
 *	socket PATH				a unix socket of a restore is bound there, or will be
 *	images DIR				the images directory, where a hidden folder may be
 *	freezer PATH STATE			a freezer cgroup, and whether it was frozen (1) before
 *	netlock TABLE				connections are locked by this table of nf_tables
 *	repair PID START			a TCP connection of it may be in repair mode
 *	ended					the dumped tree is killed: locks belong to the images
 *	commit					the images stand: links belong to them
 *	task PID START				a task of a tree that is being restored
 *	home PID START SPOT LEN ADDR OFFSET BYTES	the same as visit, for the range from which it is
 *						restored, and where in it the agent's area is
 *	resume					they are let go: all or none of them live
 */
/* clang-format on */
#ifndef BASE_JOURNAL_H
#define BASE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct journal {
	int fd;	     /* -1: no line so far */
	pid_t owner; /* 0: nothing is to be written (a run without a journal) */
	bool broken; /* it could not be made: said once, then the run goes on without */
	bool keep;   /* something could not be taken back: clean may do better */
	char path[128];
};

/* clang-format off */
#define JOURNAL_NONE { .fd = -1 }
/* clang-format on */

void journal_begin(struct journal *j);
void journal_add(struct journal *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A name below an open directory: kind is "name" or "link". st may be NULL for a name of ours. */
struct stat;
void journal_name(struct journal *j, const char *kind, int dir, const char *name,
		  const struct stat *st);
void journal_swap(struct journal *j, int dir, const char *name, const char *spare,
		  const struct stat *st);
/* Removes it, unless it is to be kept. */
void journal_end(struct journal *j);

/* Text as a field: %XX for what would break a line. out has room for 3 * strlen(text) + 1. */
void journal_escape(const char *text, char *out);
/* The reverse, in place. */
void journal_unescape(char *field);

/* Where journals are: one of several places, by number; 0 and the path, or -ENOENT behind the last.
 */
int journal_place(unsigned int i, char path[108]);

/* Of a process: its start time in clock ticks after boot (0: there is none, or it is a zombie), and
 * this boot's id. */
uint64_t process_start_time(pid_t pid);
int boot_id(char buf[40]);

#endif
