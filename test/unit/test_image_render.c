/* SPDX-License-Identifier: Apache-2.0 */
/* JSON byte for byte as CRIU's crit prints it: of the golden sets of the real CRIU, and of images
 * of kinds that those lack. */
#include "image_util.h"

#include <limits.h>

#include "image/render.h"

enum mode { PRETTY, LINE, NOPL, INFO };

static char *render(const char *path, enum mode mode, size_t *ret_len)
{
	const struct render_options options = { .pretty = mode == PRETTY || mode == NOPL,
						.no_payload = mode == NOPL };
	struct image_reader *r = NULL;
	struct arena arena = {};
	struct err err = {};
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	must(image_reader_open_file(AT_FDCWD, path, &arena, &err, &r), &err);
	if (mode == INFO)
		must(image_render_info(r, out, &err), &err);
	else
		must(image_render_json(r, &options, out, &err), &err);
	fclose(out);
	image_reader_close(r);
	arena_free(&arena);
	return text;
}

/* crit can't tell the kinds apart that share a word; the image says no more than the word. */
static void compare_encoded(const char *image, const char *json)
{
	char path[256];
	size_t text_len, want_len, len;
	char *text = slurp(json, &text_len), *want = slurp(image, &want_len), *got;
	struct err err = {};
	int fd;

	snprintf(path, sizeof(path), "%s/encoded", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(image_encode_json(text, text_len, fd, &err), &err);
	close(fd);
	got = slurp(path, &len);
	if (len != want_len || memcmp(got, want, len))
		fail_msg("%s: %zu bytes encoded, not the %zu bytes of the image", json, len,
			 want_len);
	free(text);
	free(want);
	free(got);
}

static void compare(const char *image, const char *json, enum mode mode)
{
	size_t want_len, len, i = 0;
	char *want = slurp(json, &want_len), *text = render(image, mode, &len);

	while (i < len && i < want_len && text[i] == want[i])
		i++;
	if (len != want_len || i < len)
		fail_msg("%s: differs at byte %zu: %.60s, not %.60s", json, i, text + i, want + i);
	free(want);
	free(text);
}

/* The image of a JSON file: with or without .img. */
static bool image_of(const char *directory, const char *stem, char path[1024])
{
	snprintf(path, 1024, "%s/%s.img", directory, stem);
	if (!access(path, R_OK))
		return true;
	snprintf(path, 1024, "%s/%s", directory, stem);
	return !access(path, R_OK);
}

static unsigned compare_folder(const char *jsons, const char *images)
{
	static const struct {
		const char *end;
		enum mode mode;
	} ends[] = { { ".line.json", LINE },
		     { ".nopl.json", NOPL },
		     { ".info.json", INFO },
		     { ".json", PRETTY } };
	DIR *d = opendir(jsons);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char json[1024], image[1024], stem[256];

		for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
			size_t len = strlen(e->d_name), tail = strlen(ends[i].end);

			if (len <= tail || strcmp(e->d_name + len - tail, ends[i].end))
				continue;
			snprintf(stem, sizeof(stem), "%.*s", (int)(len - tail), e->d_name);
			snprintf(json, sizeof(json), "%s/%s", jsons, e->d_name);
			if (!image_of(images, stem, image))
				fail_msg("no image for %s", json);
			compare(image, json, ends[i].mode);
			if (ends[i].mode == PRETTY || ends[i].mode == LINE)
				compare_encoded(image, json);
			n++;
			break;
		}
	}
	closedir(d);
	return n;
}

static void test_golden(void **state)
{
	char names[16][64], jsons[PATH_MAX], images[PATH_MAX];
	unsigned sets = unpack_golden(names, 16), files = 0;

	(void)state;
	assert_true(sets >= 3);
	for (unsigned i = 0; i < sets; i++) {
		snprintf(jsons, sizeof(jsons), "%s/test/golden/%s/json", source_root(), names[i]);
		snprintf(images, sizeof(images), "%s/%s", folder, names[i]);
		files += compare_folder(jsons, images);
	}
	assert_true(files >= 40);
}

static void test_other_kinds(void **state)
{
	char path[PATH_MAX];

	(void)state;
	snprintf(path, sizeof(path), "%s/test/unit/image", source_root());
	assert_true(compare_folder(path, path) >= 50);
}

static void test_raw(void **state)
{
	char path[256];
	struct image_reader *r = NULL;
	struct arena arena = {};
	struct err err = {};

	(void)state;
	snprintf(path, sizeof(path), "%s/pages-1.img", folder);
	spit(path, "some page", 9);
	assert_int_equal(image_reader_open_file(AT_FDCWD, path, &arena, &err, &r), -EINVAL);
	assert_int_equal(err.id, ERR_IMAGE_CORRUPT);
	assert_non_null(strstr(err.text, "unknown magic"));
	image_reader_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_raw),
	};

	return cmocka_run_group_tests_name("image_render", tests, folder_make, folder_remove);
}
