/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities by raw system calls, which change the calling thread only. */
#ifndef WORKLOAD_CREDS_CAPS_H
#define WORKLOAD_CREDS_CAPS_H

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#define CAP_BIT(cap) (UINT64_C(1) << (cap))

struct caps {
	uint64_t effective, permitted, inheritable;
};

static inline void caps_get(struct caps *ret_caps)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	wl_try(syscall(SYS_capget, &header, data));
	ret_caps->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	ret_caps->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	ret_caps->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
}

static inline void caps_set(const struct caps *caps)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ caps->effective, caps->permitted, caps->inheritable },
		{ caps->effective >> 32, caps->permitted >> 32, caps->inheritable >> 32 },
	};

	wl_try(syscall(SYS_capset, &header, data));
}

static inline void caps_check(const struct caps *want)
{
	struct caps now;

	caps_get(&now);
	wl_check_eq(now.effective, want->effective);
	wl_check_eq(now.permitted, want->permitted);
	wl_check_eq(now.inheritable, want->inheritable);
}

#endif
