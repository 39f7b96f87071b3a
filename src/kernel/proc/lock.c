/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file lock as lock_get_status() in fs/locks.c writes it, the same in /proc/locks and in the
 * "lock:" lines of fdinfo (Linux 4.1):
 *	1: POSIX  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
 *	2: LEASE  ACTIVE    READ  1234 fe:00:5678 0 EOF
 * In /proc/locks, "->" in front of the kind marks one that waits.
 */
#include <errno.h>

#include "kernel/proc/fd.h"
#include "kernel/scan.h"

static bool word_to_kind(const struct scan *word, struct proc_lock *lock)
{
	static const char *const kinds[] = {
		[LOCK_KIND_FLOCK] = "FLOCK", [LOCK_KIND_POSIX] = "POSIX",
		[LOCK_KIND_OFD] = "OFDLCK",  [LOCK_KIND_LEASE] = "LEASE",
		[LOCK_KIND_DELEG] = "DELEG",
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (scan_is(word, kinds[i])) {
			lock->kind = i;
			return true;
		}
	if (!scan_is(word, "ACCESS")) /* FL_ACCESS: a POSIX lock that is only tested */
		return false;
	lock->kind = LOCK_KIND_POSIX;
	return true;
}

static bool word_to_mode(const struct scan *word, struct proc_lock *lock)
{
	lock->mandatory = scan_is(word, "MANDATORY");
	lock->breaking = scan_is(word, "BREAKING");
	lock->broken = scan_is(word, "BREAKER");
	return lock->mandatory || lock->breaking || lock->broken || scan_is(word, "ADVISORY") ||
	       scan_is(word, "ACTIVE") || scan_is(word, "*NOINODE*") || scan_is(word, "MSNFS");
}

static bool word_to_how(const struct scan *word, struct proc_lock *lock)
{
	if (scan_is(word, "READ"))
		lock->how = LOCK_HOW_READ;
	else if (scan_is(word, "WRITE"))
		lock->how = LOCK_HOW_WRITE;
	else if (scan_is(word, "UNLCK"))
		lock->how = LOCK_HOW_UNLOCK;
	else
		return false;
	return true;
}

static struct scan next_word(struct scan *s)
{
	scan_blanks(s);
	return scan_word(s);
}

int proc_lock_parse(const char *text, size_t len, struct proc_lock *ret)
{
	struct scan s = scan_text(text, len), kind, mode, how;
	struct proc_lock lock = { 0 };

	scan_blanks(&s);
	scan_dec(&s);
	scan_expect(&s, ':');
	scan_blanks(&s);
	scan_try_str(&s, "->");
	kind = next_word(&s);
	mode = next_word(&s);
	how = next_word(&s);
	if (!word_to_kind(&kind, &lock) || !word_to_mode(&mode, &lock) || !word_to_how(&how, &lock))
		return -EBADMSG;
	scan_blanks(&s);
	lock.pid = scan_int(&s);
	scan_blanks(&s);
	lock.major = scan_hex32(&s);
	scan_expect(&s, ':');
	lock.minor = scan_hex32(&s);
	scan_expect(&s, ':');
	lock.ino = scan_dec(&s);
	scan_blanks(&s);
	lock.start = scan_int(&s);
	scan_blanks(&s);
	lock.end = -1;
	if (!scan_try_str(&s, "EOF"))
		lock.end = scan_int(&s);
	scan_try(&s, '\n');
	if (s.bad || !scan_at_end(&s))
		return -EBADMSG;
	*ret = lock;
	return 0;
}
