/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file is open with O_APPEND and once more without: a byte by the plain one and then one by the
 * appending one make a file of two bytes in this order.
 *
 * wl: areas files
 *	wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int append = wl_try(open("file", O_WRONLY | O_CREAT | O_APPEND, 0644));
	int plain = wl_try(open("file", O_WRONLY));
	char *text;

	wl_ready_and_wait();
	wl_check(fcntl(append, F_GETFL) & O_APPEND);
	wl_check(!(fcntl(plain, F_GETFL) & O_APPEND));
	wl_check_eq(write(plain, "1", 1), 1);
	wl_check_eq(write(append, "2", 1), 1);
	text = wl_read_file("file");
	wl_check(!strcmp(text, "12"));
	wl_pass();
}
