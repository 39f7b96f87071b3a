/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points: CRTOOLS_FAULT=NAME makes the run fail at the point of that name, NAME:kill makes
 * the tool kill itself there with SIGKILL. Tests walk through all of them.
 */
#ifndef ENGINE_FAULT_H
#define ENGINE_FAULT_H

#include "model/session.h"

int fault_point(struct session *s, const char *name);

#endif
