/* SPDX-License-Identifier: Apache-2.0 */
/* The fault points behind the steps of dump and restore (base/fault.h). */
#ifndef ENGINE_FAULT_H
#define ENGINE_FAULT_H

#include "model/session.h"

/* 0; or a negative errno with the error filled, if the run is to fail here or was interrupted. */
int fault_point(struct session *s, const char *name);

#endif
