/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT, SIGTERM, SIGHUP and SIGQUIT while there is something to take back: they are blocked, and
 * looked for between the steps of a run and in its long waits. So no handler interrupts anything,
 * nothing is half done, and a process that the tool forks has no handler to lose. After the run has
 * been rolled back they are let through, and the tool ends by the signal, as its caller expects.
 */
#ifndef BASE_INTERRUPT_H
#define BASE_INTERRUPT_H

#include "base/err.h"

void interrupt_defer(void);
/* 0, or -EINTR with err filled: what the tool was doing when the signal came. */
int interrupt_check(struct err *err, const char *doing);
/* The signal that has come, or 0. */
int interrupt_pending(void);
/* Lets them through: the tool may end here. Nothing happens when they were not deferred. */
void interrupt_allow(void);
/* The run is past the point where it could be taken back: forgets those that came. */
void interrupt_forget(void);

#endif
