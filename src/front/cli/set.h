/* SPDX-License-Identifier: Apache-2.0 */
/* The setters that options.def names: text -> field. "check" ones only look whether it is valid. */
#ifndef FRONT_CLI_SET_H
#define FRONT_CLI_SET_H

#include "front/cli/option.h"

#define SETTERS(X)                                                                                 \
	X(set_bool)                                                                                \
	X(set_string)                                                                              \
	X(set_list)                                                                                \
	X(set_script)                                                                              \
	X(set_choice)                                                                              \
	X(set_seconds)                                                                             \
	X(set_timeout)                                                                             \
	X(set_size)                                                                                \
	X(set_pid)                                                                                 \
	X(set_final_state)                                                                         \
	X(set_verbosity)                                                                           \
	X(set_fd)                                                                                  \
	X(set_cpu_cap)                                                                             \
	X(set_manage_cgroups)                                                                      \
	X(set_external)                                                                            \
	X(set_inherit_fd)                                                                          \
	X(set_unix_sk)                                                                             \
	X(check_choice)                                                                            \
	X(check_fd)                                                                                \
	X(check_port)                                                                              \
	X(check_mount_map)

#define SETTER_DECLARE(f) int f(struct options *o, const struct setting *s, struct err *err);
SETTERS(SETTER_DECLARE)
#undef SETTER_DECLARE

#endif
