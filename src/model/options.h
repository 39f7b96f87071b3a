/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of one run, parsed: plain data that front/cli (and later front/rpc) fill and that
 * the engine and the objects read. Nothing here is changed once the run has started. All strings
 * and lists live in the arena; options_free() ends them.
 *
 * Only options that this version acts upon have a field. The others stand in
 * front/cli/options.def, where they are accepted without effect or refused by name.
 */
#ifndef MODEL_OPTIONS_H
#define MODEL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"

enum verb {
	VERB_NONE,
	VERB_DUMP,
	VERB_RESTORE,
	VERB_CHECK,
	VERB_SHOW,
	VERB_EXEC,
	VERB_CPUINFO,
	VERB_CLEAN,
	VERB_PRE_DUMP,
	VERB_LAZY_PAGES,
	VERB_PAGE_SERVER,
	VERB_SERVICE,
	VERB_SWRK,
	VERB_DEDUP,
	VERB_COUNT
};

struct str_list {
	char **items;
	size_t n;
};
void str_list_add(struct str_list *list, struct arena *arena, const char *item);
/* Puts a NULL behind the last item, as execv wants it; n stays. */
void str_list_end(struct str_list *list, struct arena *arena);

/* What is recorded of a file at the dump and compared at the restore. */
enum file_validation {
	FILE_VALIDATION_BUILDID, /* size, and for ELF files the build id (the default) */
	FILE_VALIDATION_FILESIZE,
	FILE_VALIDATION_CHECKSUM, /* our own: the contents as well */
};

/* --cpu-cap: which processor differences matter. */
enum cpu_cap {
	CPU_CAP_FPU = 1,   /* the xsave features of the image must exist */
	CPU_CAP_CPU = 2,   /* all capability words must be equal */
	CPU_CAP_INS = 4,   /* the instruction set bits of the image must exist */
	CPU_CAP_IMAGE = 8, /* dump: write cpuinfo.img */
};

enum manage_cgroups {
	CGROUPS_SOFT, /* the default */
	CGROUPS_IGNORE,
	CGROUPS_NONE,
	CGROUPS_PROPS,
	CGROUPS_FULL,
	CGROUPS_STRICT,
};

/* The numbers are those of inventory.network_lock_method. */
enum network_lock { LOCK_IPTABLES, LOCK_NFTABLES, LOCK_SKIP, LOCK_NONE };

enum colour { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

#define GHOST_LIMIT_DEFAULT (1u << 20)
#define TIMEOUT_DEFAULT	    10

struct options {
	struct arena arena;
	enum verb verb;

	/* What the run works on. */
	pid_t pid;		/* -t: root of the tree; 0: not given */
	const char *images_dir; /* -D: "." unless given */
	const char *work_dir;	/* -W: NULL: the images directory */
	const char *show_file;	/* show -f FILE */
	bool cpuinfo_check;	/* cpuinfo check (else dump) */
	struct str_list args;	/* what stands behind the verb: exec's call, --exec-cmd's command */

	/* Log and report. */
	const char *log_file; /* -o: NULL: standard error; "-": standard output */
	int verbosity;	      /* enum log_level, or above */
	bool log_pid;
	const char *pidfile;
	bool display_stats;
	bool json; /* results as one JSON object on standard output */
	bool plan; /* print the programs as listings; restore --plan forks nothing */
	enum colour colour;
	struct str_list action_scripts;
	struct str_list close_fds; /* --close: numbers, closed at start */

	/* Dump. */
	bool leave_stopped; /* -s: of restore too */
	bool leave_running;
	const char *freeze_cgroup;   /* path of a v1 freezer cgroup or a v2 cgroup */
	unsigned int timeout;	     /* seconds for freezing and collecting; 0: no limit */
	unsigned int script_timeout; /* for each action script, where --timeout is given */
	uint64_t ghost_limit;	     /* bytes of contents that a ghost file may have */
	bool ghost_fiemap;
	bool link_remap;
	bool evasive_devices;
	struct str_list skip_mnt; /* mount points */
	enum network_lock network_lock;
	bool skip_in_flight;

	/* Restore. */
	bool detached; /* -d */
	bool sibling;  /* -S: the root becomes a child of our parent; only with detached */
	bool exec_cmd; /* exec args[] once the tree runs */
	bool mntns_compat;
	struct str_list inherit_fd; /* "fd[N]:KEY" as given; the number was checked */
	bool skip_file_rwx_check;

	/* Both. */
	bool shell_job; /* -j: the root need not be a session leader, its session is the caller's */
	bool file_locks;
	bool tcp_established;
	bool tcp_close;
	bool ext_unix_sk;
	struct str_list external; /* "TYPE[ID]:VALUE" as given */
	enum manage_cgroups manage_cgroups;
	enum file_validation file_validation;
	unsigned int cpu_cap; /* enum cpu_cap, or-ed */
	bool unprivileged;
	bool allow_uprobes;

	/* Check. */
	struct str_list features; /* check --feature NAME, may repeat */
	bool check_extra, check_experimental, check_all;
};

void options_init(struct options *o);
void options_free(struct options *o);

/* The value of --external TYPE[ID]:VALUE for the exact key "TYPE[ID]"; "" when the option has no
 * value, NULL when it was not given. */
const char *options_external(const struct options *o, const char *key);
/* The key of one --inherit-fd; NULL: it is of another form. */
const char *options_inherit_key(const char *item);
/* The descriptor of --inherit-fd fd[N]:KEY for a key, -1 when it was not given. */
int options_inherit_fd(const struct options *o, const char *key);

const char *verb_name(enum verb verb);

#endif
