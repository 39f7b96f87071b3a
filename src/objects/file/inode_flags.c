/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inode flags (chattr) that came after a file was opened for writing: the descriptor goes on to
 * write, but no new one is given (fs/namei.c, may_open: an immutable file can't be written to, an
 * append-only one takes O_APPEND). A restore does not take them off for the moment of its open:
 * they are the user's, others could write meanwhile, and a tool that is killed would leave them off.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include "objects/file/file.h"

const char *inode_flags_forbid(uint64_t attributes, uint32_t flags, const char **ret_cure)
{
	if (flags & O_PATH || (flags & O_ACCMODE) == O_RDONLY)
		return NULL;
	if (attributes & STATX_ATTR_IMMUTABLE) {
		*ret_cure = "take the flag off: chattr -i";
		return "is open for writing, and immutable (chattr +i): it can't be opened so again";
	}
	if (attributes & STATX_ATTR_APPEND && !(flags & O_APPEND)) {
		*ret_cure = "take the flag off: chattr -a";
		return "is open for writing without O_APPEND, and append-only (chattr +a): it "
		       "can't be opened so again";
	}
	return NULL;
}
