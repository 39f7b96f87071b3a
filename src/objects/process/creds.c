/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials of a thread (credentials(7), capabilities(7)): eight ids, groups, five capability
 * sets, securebits, no_new_privs. In the kernel they belong to the thread. Ids are read by the
 * thread itself, so that they are those of its user namespace.
 *
 * Restore sets what differs from what the forked task has, with raw calls in each thread, and
 * nothing else: an ordinary user's process needs no privilege to become what it is already. The
 * order follows from what each call needs and from what it does to the others:
 *
 *  1. groups and group ids need CAP_SETGID.
 *  2. setresuid drops effective capabilities, and without KEEP_CAPS the permitted ones; both the
 *     uid and (of file capabilities) the fsuid change touch the effective set: capset raises it
 *     again after each.
 *  3. inheritable capabilities may exceed the bounding set, but not be raised above it: before 4.
 *  4. dropping from the bounding set, and securebits, need CAP_SETPCAP in the effective set.
 *  5. ambient capabilities have to be permitted and inheritable, and securebits can forbid to
 *     raise them: between 3 and the securebits.
 *  6. the final capset can only lower.
 *
 * Any change of ids clears the parent-death signal and the dumpable flag: see attributes.c and
 * domain.c, which come later.
 */
#include "objects/process/creds.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define KEEP_CAPS  (1u << SECURE_KEEP_CAPS)
#define MAX_GROUPS 65536
#define SECUREBITS (SECURE_ALL_BITS | SECURE_ALL_LOCKS)

struct creds_reads {
	uint64_t uids, gids, groups; /* area offsets */
	call_id fsuid, fsgid, n_groups, securebits;
};

/* --- dump ----------------------------------------------------------------------------------- */

static int collect_thread(struct dump_thread *th)
{
	struct creds_reads *reads = arena_new(dump_arena(th->task->dump), struct creds_reads);
	size_t room = th->status->n_groups + 1;
	struct program *p = th->prog;

	reads->uids = area_reserve(p->area, 3 * sizeof(uint32_t));
	reads->gids = area_reserve(p->area, 3 * sizeof(uint32_t));
	reads->groups = area_reserve(p->area, room * sizeof(uint32_t));
	program_note(p, "the credentials of thread %d", th->vtid);
	program_do(p, SYS_getresuid, AREA(reads->uids), AREA(reads->uids + 4),
		   AREA(reads->uids + 8));
	program_do(p, SYS_getresgid, AREA(reads->gids), AREA(reads->gids + 4),
		   AREA(reads->gids + 8));
	/* An impossible id changes nothing and returns the present one. */
	reads->fsuid = program_call(p, SYS_setfsuid, IMM(0xffffffff));
	reads->fsgid = program_call(p, SYS_setfsgid, IMM(0xffffffff));
	reads->n_groups = program_do(p, SYS_getgroups, IMM(room), AREA(reads->groups));
	reads->securebits =
		program_do(p, SYS_prctl, IMM(PR_GET_SECUREBITS), IMM(0), IMM(0), IMM(0), IMM(0));
	th->priv[SLOT_CREDS] = reads;
	/* Other classes of the thread add to it. */
	th->core->thread_core->creds =
		arena_msg(dump_arena(th->task->dump), CredsEntry, creds_entry);
	return 0;
}

static uint32_t *cap_words(struct arena *a, uint64_t caps, size_t *ret_n)
{
	uint32_t *words = arena_array(a, uint32_t, 2);

	words[0] = caps;
	words[1] = caps >> 32;
	*ret_n = 2;
	return words;
}

static void fill_caps(struct arena *a, const struct proc_status *s, CredsEntry *e)
{
	e->cap_inh = cap_words(a, s->cap_inh, &e->n_cap_inh);
	e->cap_prm = cap_words(a, s->cap_prm, &e->n_cap_prm);
	e->cap_eff = cap_words(a, s->cap_eff, &e->n_cap_eff);
	e->cap_bnd = cap_words(a, s->cap_bnd, &e->n_cap_bnd);
	e->cap_amb = cap_words(a, s->cap_amb, &e->n_cap_amb);
}

static int absorb_thread(struct dump_thread *th)
{
	struct creds_reads *reads = state_priv(th, SLOT_CREDS, struct creds_reads);
	struct arena *a = dump_arena(th->task->dump);
	const struct area *area = th->prog->area;
	const uint32_t *uids = area_data(area, reads->uids), *gids = area_data(area, reads->gids);
	CredsEntry *e = th->core->thread_core->creds;

	e->uid = uids[0];
	e->euid = uids[1];
	e->suid = uids[2];
	e->gid = gids[0];
	e->egid = gids[1];
	e->sgid = gids[2];
	e->fsuid = program_result(th->prog, reads->fsuid);
	e->fsgid = program_result(th->prog, reads->fsgid);
	e->secbits = program_result(th->prog, reads->securebits);
	e->n_groups = program_result(th->prog, reads->n_groups);
	e->groups =
		arena_memdup(a, area_data(area, reads->groups), e->n_groups * sizeof(uint32_t) + 1);
	fill_caps(a, th->status, e);
	e->has_no_new_privs = th->status->no_new_privs;
	e->no_new_privs = th->status->no_new_privs;
	return 0;
}

/* --- what there is, and what there is to be ------------------------------------------------- */

static uint64_t last_cap_mask(void)
{
	int cap = 0;

	for (int step = 32; step; step /= 2)
		if (cap + step < 64 && prctl(PR_CAPBSET_READ, cap + step, 0, 0, 0) >= 0)
			cap += step;
	return UINT64_MAX >> (63 - cap);
}

static uint64_t caps_of(const uint32_t *words, size_t n, uint64_t known)
{
	uint64_t caps = (n > 0 ? words[0] : 0) | (n > 1 ? (uint64_t)words[1] << 32 : 0);

	return caps & known;
}

static void identity_of_entry(const CredsEntry *e, uint64_t known, struct identity *ret)
{
	*ret = (struct identity){
		.uid = { e->uid, e->euid, e->suid, e->fsuid },
		.gid = { e->gid, e->egid, e->sgid, e->fsgid },
		.groups = e->groups,
		.n_groups = e->n_groups,
		.inheritable = caps_of(e->cap_inh, e->n_cap_inh, known),
		.permitted = caps_of(e->cap_prm, e->n_cap_prm, known),
		.effective = caps_of(e->cap_eff, e->n_cap_eff, known),
		.bounding = caps_of(e->cap_bnd, e->n_cap_bnd, known),
		.ambient = caps_of(e->cap_amb, e->n_cap_amb, known),
		.securebits = e->secbits,
		.no_new_privs = e->has_no_new_privs && e->no_new_privs,
	};
}

int identity_read(struct arena *a, struct identity *ret, struct err *err)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2] = { 0 };
	uint64_t known = last_cap_mask();
	int n = getgroups(0, NULL), bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);

	*ret = (struct identity){ .known_caps = known };
	if (n < 0 || bits < 0 || syscall(SYS_capget, &head, caps) < 0)
		return err_sys(err, "capget", "can't read the tool's own credentials");
	ret->groups = arena_array(a, uint32_t, n + 1);
	n = getgroups(n, ret->groups);
	if (n < 0 || getresuid(&ret->uid[0], &ret->uid[1], &ret->uid[2]) < 0 ||
	    getresgid(&ret->gid[0], &ret->gid[1], &ret->gid[2]) < 0)
		return err_sys(err, "getgroups", "can't read the tool's own credentials");
	ret->n_groups = n;
	ret->uid[3] = setfsuid(-1);
	ret->gid[3] = setfsgid(-1);
	ret->inheritable = caps[0].inheritable | (uint64_t)caps[1].inheritable << 32;
	ret->permitted = caps[0].permitted | (uint64_t)caps[1].permitted << 32;
	ret->effective = caps[0].effective | (uint64_t)caps[1].effective << 32;
	for (int cap = 0; known >> cap; cap++) {
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0)
			ret->bounding |= UINT64_C(1) << cap;
		/* Only what is inheritable, too, can be. */
		if (ret->inheritable >> cap & 1 &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0) > 0)
			ret->ambient |= UINT64_C(1) << cap;
	}
	ret->securebits = bits;
	ret->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) > 0;
	return 0;
}

/* Read once: forked tasks have what the tool has. */
static int identity_once(struct restore *r, const struct identity **ret)
{
	struct identity *own = r->priv[SLOT_CREDS];
	int err = 0;

	if (!own) {
		own = arena_new(restore_arena(r), struct identity);
		err = identity_read(restore_arena(r), own, restore_err(r));
		if (err == 0)
			r->priv[SLOT_CREDS] = own;
	}
	*ret = own;
	return err;
}

static bool same_groups(const struct identity *a, const struct identity *b)
{
	return a->n_groups == b->n_groups &&
	       (!a->n_groups || !memcmp(a->groups, b->groups, a->n_groups * sizeof(uint32_t)));
}

/* --- restore: check ------------------------------------------------------------------------- */

static const char *const cap_names[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};

static const char *name_caps(struct arena *a, uint64_t caps)
{
	const char *text = "";

	for (unsigned cap = 0; cap < 64; cap++) {
		if (!(caps & (UINT64_C(1) << cap)))
			continue;
		if (cap < ARRAY_SIZE(cap_names))
			text = arena_printf(a, "%s%scap_%s", text, *text ? ", " : "",
					    cap_names[cap]);
		else
			text = arena_printf(a, "%s%scapability %u", text, *text ? ", " : "", cap);
	}
	return text;
}

/* A task of a user namespace that is made for it has all privileges there at first. */
static bool same_userns(const struct restore_task *t)
{
	const TaskKobjIdsEntry *root = t->r->inventory ? t->r->inventory->root_ids : NULL;

	return !t->ids || !t->ids->has_user_ns_id || !root || !root->has_user_ns_id ||
	       t->ids->user_ns_id == root->user_ns_id;
}

static void check_reachable(struct restore_thread *th, const struct identity *own,
			    const struct identity *want)
{
	struct restore_task *t = th->task;
	struct arena *a = restore_arena(t->r);
	const char *object = arena_printf(a, "credentials of thread %d", th->vtid);
	bool uids = memcmp(own->uid, want->uid, sizeof(own->uid)) != 0;
	bool gids = memcmp(own->gid, want->gid, sizeof(own->gid)) || !same_groups(own, want);

	if (want->permitted & ~own->permitted)
		restored_refuse(t, object,
				arena_printf(a, "they include %s, which crtools has not itself",
					     name_caps(a, want->permitted & ~own->permitted)),
				"Run crtools restore with these capabilities.");
	if (uids && !(own->effective & (1u << CAP_SETUID)))
		restored_refuse(
			t, object,
			arena_printf(a, "the user ids are %u, %u, %u, %u, not those of crtools",
				     want->uid[0], want->uid[1], want->uid[2], want->uid[3]),
			"Run crtools restore as that user, or with CAP_SETUID.");
	if (gids && !(own->effective & (1u << CAP_SETGID)))
		restored_refuse(t, object, "the group ids are not those of crtools",
				"Run crtools restore with these groups, or with CAP_SETGID.");
	if ((want->bounding & ~own->bounding))
		restored_warn(t, object,
			      arena_printf(a,
					   "the capability bounding set included %s, which crtools "
					   "has dropped from its own; they are left out",
					   name_caps(a, want->bounding & ~own->bounding)),
			      "");
	if ((own->bounding & ~want->bounding) && !(own->effective & (1u << CAP_SETPCAP)))
		restored_refuse(t, object,
				"the capability bounding set is smaller than that of crtools",
				"Run crtools restore with CAP_SETPCAP.");
	if (((own->securebits ^ want->securebits) & ~KEEP_CAPS) &&
	    !(own->effective & (1u << CAP_SETPCAP)))
		restored_refuse(t, object, "the securebits are not those of crtools",
				"Run crtools restore with CAP_SETPCAP.");
	if (own->no_new_privs && !want->no_new_privs)
		restored_refuse(
			t, object, "no_new_privs is not set, but crtools itself has it for ever",
			"Run crtools restore where no_new_privs is not set (a systemd service "
			"has NoNewPrivileges=no for that).");
}

static int check_entry(struct restore_thread *th, const CredsEntry *e, const struct identity *own)
{
	struct restore_task *t = th->task;
	struct arena *a = restore_arena(t->r);
	uint64_t all = caps_of(e->cap_bnd, e->n_cap_bnd, UINT64_MAX) |
		       caps_of(e->cap_prm, e->n_cap_prm, UINT64_MAX);

	if (e->n_groups > MAX_GROUPS)
		return image_bad(t, IMAGE_CORE, th->vtid, "thread %d is in %zu groups", th->vtid,
				 e->n_groups);
	if (e->secbits & ~SECUREBITS)
		return image_bad(t, IMAGE_CORE, th->vtid, "thread %d has the securebits 0x%x",
				 th->vtid, e->secbits);
	if (all & ~own->known_caps)
		restored_warn(t, arena_printf(a, "credentials of thread %d", th->vtid),
			      arena_printf(a, "this kernel has no %s; left out",
					   name_caps(a, all & ~own->known_caps)),
			      "");
	return 0;
}

static int check(struct restore_task *t)
{
	const struct identity *own;
	struct identity want;
	int ret;

	if (t->zombie || t->helper)
		return 0;
	ret = identity_once(t->r, &own);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		struct restore_thread *th = &t->threads[i];
		const CredsEntry *e = th->core->thread_core->creds;

		if (!e)
			return image_bad(t, IMAGE_CORE, th->vtid, "thread %d has no credentials",
					 th->vtid);
		ret = check_entry(th, e, own);
		if (ret < 0 || !same_userns(t))
			continue;
		identity_of_entry(e, own->known_caps, &want);
		check_reachable(th, own, &want);
	}
	return ret;
}

/* --- restore: the calls --------------------------------------------------------------------- */

static void put_capset(struct program *p, uint64_t effective, uint64_t permitted,
		       uint64_t inheritable)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];

	for (int i = 0; i < 2; i++) {
		caps[i].effective = effective >> (32 * i);
		caps[i].permitted = permitted >> (32 * i);
		caps[i].inheritable = inheritable >> (32 * i);
	}
	program_do(p, SYS_capset, AREA(area_put(p->area, &head, sizeof(head))),
		   AREA(area_put(p->area, caps, sizeof(caps))));
}

static void put_prctl(struct program *p, int option, uint64_t arg2, uint64_t arg3)
{
	program_do(p, SYS_prctl, IMM(option), IMM(arg2), IMM(arg3), IMM(0), IMM(0));
}

/* setfsuid and setfsgid return the former id, whatever happens: ask again. */
static void put_fs_id(struct program *p, int nr, uint32_t id)
{
	program_call(p, nr, IMM(id));
	program_want(p, program_call(p, nr, IMM(0xffffffff)), id);
}

static void put_gids(struct program *p, const struct identity *own, const struct identity *want)
{
	if (!same_groups(own, want)) {
		program_note(p, "groups");
		program_do(
			p, SYS_setgroups, IMM(want->n_groups),
			AREA(area_put(p->area, want->groups, want->n_groups * sizeof(uint32_t))));
	}
	if (!memcmp(own->gid, want->gid, sizeof(own->gid)))
		return;
	program_note(p, "group ids");
	program_do(p, SYS_setresgid, IMM(want->gid[0]), IMM(want->gid[1]), IMM(want->gid[2]));
	put_fs_id(p, SYS_setfsgid, want->gid[3]);
}

/* Afterwards the effective set is all that is permitted. */
static void put_uids(struct program *p, const struct identity *own, const struct identity *want)
{
	program_note(p, "user ids");
	put_prctl(p, PR_SET_KEEPCAPS, 1, 0);
	program_do(p, SYS_setresuid, IMM(want->uid[0]), IMM(want->uid[1]), IMM(want->uid[2]));
	put_capset(p, own->permitted, own->permitted, own->inheritable);
	put_fs_id(p, SYS_setfsuid, want->uid[3]);
	put_capset(p, own->permitted, own->permitted, own->inheritable);
}

static void put_bounding(struct program *p, uint64_t drop)
{
	program_note(p, "capability bounding set");
	for (int cap = 0; cap < 64; cap++)
		if (drop & (UINT64_C(1) << cap))
			put_prctl(p, PR_CAPBSET_DROP, cap, 0);
}

static void put_ambient(struct program *p, const struct identity *own, const struct identity *want)
{
	program_note(p, "ambient capabilities");
	if (own->ambient & ~want->ambient)
		program_do(p, SYS_prctl, IMM(PR_CAP_AMBIENT), IMM(PR_CAP_AMBIENT_CLEAR_ALL), IMM(0),
			   IMM(0), IMM(0));
	for (int cap = 0; cap < 64; cap++)
		if (want->ambient & (UINT64_C(1) << cap))
			put_prctl(p, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap);
}

static void put_securebits(struct program *p, uint32_t own, uint32_t want)
{
	if (own == want)
		return;
	program_note(p, "securebits");
	if ((own ^ want) & ~KEEP_CAPS)
		put_prctl(p, PR_SET_SECUREBITS, want, 0);
	else
		put_prctl(p, PR_SET_KEEPCAPS, !!(want & KEEP_CAPS), 0);
}

/* What takes a call that needs capabilities, or changes them. */
static bool caps_differ(const struct identity *own, const struct identity *want)
{
	return own->inheritable != want->inheritable || own->permitted != want->permitted ||
	       own->effective != want->effective || own->ambient != want->ambient ||
	       (own->bounding & ~want->bounding) ||
	       ((own->securebits ^ want->securebits) & ~KEEP_CAPS);
}

static void put_caps(struct program *p, const struct identity *own, const struct identity *want,
		     bool uids)
{
	uint64_t drop = own->bounding & ~want->bounding;

	program_note(p, "capabilities");
	put_capset(p, own->permitted, own->permitted, want->inheritable);
	if (drop)
		put_bounding(p, drop);
	/* A change of user ids from root's clears them. */
	if (own->ambient != want->ambient || (uids && want->ambient))
		put_ambient(p, own, want);
	put_securebits(p, own->securebits | (uids ? KEEP_CAPS : 0), want->securebits);
	program_note(p, "capabilities");
	put_capset(p, want->effective, want->permitted, want->inheritable);
}

static int emit_thread(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	struct program *p = th->prog;
	const struct identity *own;
	struct identity want;
	bool uids, gids;
	int ret = identity_once(t->r, &own);

	if (ret < 0)
		return ret;
	identity_of_entry(th->core->thread_core->creds, own->known_caps, &want);
	uids = memcmp(own->uid, want.uid, sizeof(own->uid)) != 0;
	gids = memcmp(own->gid, want.gid, sizeof(own->gid)) || !same_groups(own, &want);
	program_stage(p, STAGE_CREDS);
	if (own->effective != own->permitted && (uids || gids || caps_differ(own, &want)))
		put_capset(p, own->permitted, own->permitted, own->inheritable);
	if (gids)
		put_gids(p, own, &want);
	if (uids)
		put_uids(p, own, &want);
	if (uids || caps_differ(own, &want))
		put_caps(p, own, &want, uids);
	else
		put_securebits(p, own->securebits, want.securebits);
	if (want.no_new_privs && !own->no_new_privs) {
		program_note(p, "no_new_privs");
		put_prctl(p, PR_SET_NO_NEW_PRIVS, 1, 0);
	}
	return 0;
}

const struct state_class creds_state = {
	.name = "credentials",
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.check = check,
	.emit_thread = emit_thread,
};
