/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listening TCP socket that hears nobody: with a filter that drops all (SO_ATTACH_FILTER,
 * socket(7)), no connection begins or gets ready to be accepted (tcp_v4_rcv() in
 * net/ipv4/tcp_ipv4.c asks the listener's filter), and who wants one tries again a second later.
 * Those that it has accepted go on. The filter is known by its first instruction.
 */
#ifndef KERNEL_DOOR_H
#define KERNEL_DOOR_H

#include <stdbool.h>

/* 0; -EBUSY: it has a filter of its own; another -errno. */
int door_shut(int fd);
/* Nothing to do for one that is not shut. 0 or -errno. */
int door_open(int fd);
bool door_is_shut(int fd);

#endif
