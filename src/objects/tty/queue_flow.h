/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directions of a queue: taken out of a terminal and put back at once, or put in.
 * Functions give 0, -errno, or how many bytes at the end there is no room for.
 */
#ifndef OBJECTS_TTY_QUEUE_FLOW_H
#define OBJECTS_TTY_QUEUE_FLOW_H

#include <asm/termbits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROOM	  4095u /* N_TTY_BUF_SIZE - 1: what a line discipline holds */
#define BYTES_MAX (128u << 10)
#define LINES_MAX 4096u
#define LINE_EOF  0x80000000u /* in a length: the line ends by VEOF, which is not in it */

/* What was taken. */
struct queue {
	int error;     /* errno */
	bool stopped;  /* the output */
	uint32_t lost; /* there is no room for so many any more */
	uint32_t len, n_lines;
	uint32_t line[LINES_MAX];
	unsigned char data[BYTES_MAX];
};

/* From the slave, whose master is -1 where it is outside of the tree; from the master. */
int queue_take_input(int fd, int master, struct queue *q);
int queue_take_output(int fd, int slave, bool packet, struct queue *q);

/* t: the modes that the slave has afterwards. line: lengths of complete lines. */
int queue_put_input(int fd, int master, const struct termios2 *t, const unsigned char *data,
		    uint32_t len, const uint32_t *line, size_t n_lines);
int queue_put_output(int master, int slave, bool stopped, const unsigned char *data, uint32_t len);
int queue_stop_output(int slave);
bool queue_is_stopped(int slave);

#endif
