/* SPDX-License-Identifier: Apache-2.0 */
/* Offsets in struct agent_program for entry.S; blob/agent.c asserts that they are right. */
#ifndef AGENT_OFFSETS_H
#define AGENT_OFFSETS_H

#define PROG_STOP_SIGNO 48
#define PROG_DATA	72
#define PROG_DATA_LEN	80
#define PROG_STACK	88
#define PROG_EXIT	384

#endif
