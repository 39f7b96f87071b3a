/* SPDX-License-Identifier: Apache-2.0 */
/* OPEN_FILES: it has files of data open, too, and watches them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

#define SIZE 8192

static void watch(int fd, const char *name)
{
	wl_try(inotify_add_watch(fd, name, IN_ALL_EVENTS));
}

/* Of its own program, which others may execute meanwhile: a copy. */
static void map_program(int fd)
{
	char *text = wl_try(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE,
				 wl_try(open("/proc/self/exe", O_RDONLY)), 0));
	int copy = wl_try(open("work/program", O_RDWR | O_CREAT | O_EXCL, 0600));

	wl_check_eq(write(copy, text, SIZE), SIZE);
	wl_try(munmap(text, SIZE));
	text = wl_try(mmap(NULL, SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE, copy, 0));
	wl_check(!memcmp(text, "\177ELF", 4));
	close(copy);
	watch(fd, "work/program");
}

static void make(const char *name, char first)
{
	int fd = wl_try(open(name, O_RDWR | O_CREAT | O_EXCL, 0600));

	wl_try(pwrite(fd, &first, 1, 0));
	wl_try(ftruncate(fd, SIZE));
	close(fd);
}

int main(void)
{
	int fd = wl_try(inotify_init1(IN_NONBLOCK)), mapped, here, fifo;
	char *shared, *private, buf[65536] __attribute__((aligned(8)));
	struct inotify_event *e = (struct inotify_event *)buf;
	ssize_t n;

	wl_try(mkdir("work", 0700));
	make("work/mapped", 'm');
	make("work/data", 'd');
	make("work/written", 'w');
	mapped = wl_try(open("work/mapped", O_RDWR));
	shared = wl_try(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0));
	private = wl_try(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, mapped, 0));
	private[SIZE / 2] = 'p';
	close(mapped);
#ifdef OPEN_FILES
	wl_try(open("work/data", O_RDONLY));
	wl_try(open("work/written", O_WRONLY));
#endif
	here = wl_try(open("work", O_RDONLY | O_DIRECTORY));
	wl_try(mkfifo("work/fifo", 0600));
	fifo = wl_try(open("work/fifo", O_RDWR));
	map_program(fd);
	watch(fd, "work/mapped");
#ifdef OPEN_FILES
	watch(fd, "work/data");
	watch(fd, "work/written");
#endif
	watch(fd, "work/fifo");
	watch(fd, "work");

	wl_ready_and_wait();
	n = read(fd, buf, sizeof(buf));
	if (n > 0)
		wl_fail("event 0x%x of watch %d (%s)", e->mask, e->wd, e->len ? e->name : "");
	wl_check_eq(errno, EAGAIN);
	wl_check_eq(shared[0], 'm');
	wl_check_eq(private[SIZE / 2], 'p');
	wl_try(close(here) | close(fifo));
	wl_pass();
}
