/* SPDX-License-Identifier: Apache-2.0 */
#include "pr_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#define FORMAT	 "odx-persistent-reservations"
#define VERSION	 1
#define FILE_MAX (1u << 20) /* bytes that we are willing to parse */

/* ---- writing ---- */

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = write_all(fd, text);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

/* A rename or removal is on stable storage when its directory is. */
static int sync_directory(const char *path)
{
	char *copy = strdup(path);
	int fd, r;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int replace_file(const char *path, const char *text)
{
	char *temp;
	int r;

	if (asprintf(&temp, "%s.new", path) < 0)
		return -ENOMEM;
	r = write_file(temp, text);
	if (r == 0 && rename(temp, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temp);
	free(temp);
	return r == 0 ? sync_directory(path) : r;
}

static int remove_file(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	return sync_directory(path);
}

static void save_work(struct aux_job *job)
{
	struct pr_save *s = (struct pr_save *)((char *)job - offsetof(struct pr_save, job));

	s->err = s->text ? replace_file(s->path, s->text) : remove_file(s->path);
}

static void save_done(struct aux_job *job)
{
	struct pr_save *s = (struct pr_save *)((char *)job - offsetof(struct pr_save, job));

	free(s->path);
	free(s->text);
	s->done(s, s->err);
}

static json_t *registration(const struct pr_reg *reg, bool holder)
{
	char key[19];

	snprintf(key, sizeof(key), "0x%016" PRIx64, reg->key);
	return json_pack("{s:s, s:i, s:s, s:b}", "initiator", reg->initiator, "port",
			 (int)reg->rtpi, "key", key, "holder", holder);
}

/* NULL: no memory. */
static char *to_text(const struct pr_state *s, const char *lu)
{
	json_t *root, *list = json_array();
	const struct pr_reg *reg;
	bool whole = list != NULL;
	char *text = NULL;

	TAILQ_FOREACH (reg, &s->regs, link)
		if (!reg->gone && whole)
			whole = json_array_append_new(list, registration(reg, reg == s->holder)) ==
				0;
	root = json_pack("{s:s, s:i, s:s, s:i, s:o}", "format", FORMAT, "version", VERSION, "lun",
			 lu, "type", (int)s->type, "registrations", list);
	if (root && whole)
		text = json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}

int pr_save_start(struct pr_save *save, struct aux *aux, struct ring *ring, const char *path,
		  const char *lu, const struct pr_state *s)
{
	save->path = strdup(path);
	save->text = s->aptpl ? to_text(s, lu) : NULL;
	if (!save->path || (s->aptpl && !save->text)) {
		free(save->path);
		free(save->text);
		return -ENOMEM;
	}
	save->job = (struct aux_job) { .work = save_work, .done = save_done, .ring = ring };
	aux_submit(aux, &save->job);
	return 0;
}

/* ---- reading ---- */

/* "0x0123456789abcdef", not 0. */
static bool parse_key(const char *text, uint64_t *ret)
{
	char *end;

	if (!text || strlen(text) != 18 || strncmp(text, "0x", 2) != 0 || text[2] == '-')
		return false;
	*ret = strtoull(text + 2, &end, 16);
	return *end == '\0' && *ret != 0;
}

/* NULL, or what is wrong with it. */
static const char *add_registration(struct pr_state *s, json_t *item)
{
	const char *initiator, *text;
	int port, holder = 0;
	uint64_t key;
	struct pr_reg *reg;

	if (json_unpack(item, "{s:s, s:i, s:s, s:b!}", "initiator", &initiator, "port", &port,
			"key", &text, "holder", &holder) < 0)
		return "a registration needs \"initiator\", \"port\", \"key\" and \"holder\"";
	if (!*initiator || strlen(initiator) >= sizeof(reg->initiator))
		return "the name of an initiator is empty or too long";
	if (port < 0 || port > UINT16_MAX)
		return "a port is not between 0 and 65535";
	if (!parse_key(text, &key))
		return "a key is not 0x and 16 hexadecimal digits, or 0";
	if (s->n >= PR_MAX_REGISTRATIONS)
		return "there are too many registrations";
	if (pr_find(s, initiator, (uint16_t)port))
		return "two registrations are of one initiator and port";
	reg = pr_add(s, initiator, (uint16_t)port, key);
	if (!reg)
		return "out of memory";
	if (holder && s->holder)
		return "there are two holders";
	if (holder)
		s->holder = reg;
	return NULL;
}

static const char *from_json(struct pr_state *s, json_t *root)
{
	const char *format, *lu, *wrong = NULL;
	int version, type;
	json_t *list, *item;
	size_t i;
	bool alone;

	if (json_unpack(root, "{s:s, s:i, s:s, s:i, s:o!}", "format", &format, "version", &version,
			"lun", &lu, "type", &type, "registrations", &list) < 0 ||
	    strcmp(format, FORMAT) != 0 || version != VERSION || !json_is_array(list))
		return "it is not a list of reservations of this version";
	if (type != PR_NONE && (type < 0 || type > UINT8_MAX || !pr_type_valid((uint8_t)type)))
		return "there is no such type of reservation";
	json_array_foreach(list, i, item) if (!wrong) wrong = add_registration(s, item);
	if (wrong)
		return wrong;
	s->type = (uint8_t)type;
	alone = type != PR_NONE && !pr_type_all_registrants(s->type);
	if (alone != (s->holder != NULL) || (type != PR_NONE && s->n == 0))
		return "type and holder do not go together";
	s->aptpl = true;
	return NULL;
}

static int refuse(const char *path, const char *wrong, char *err, size_t err_cap)
{
	snprintf(err, err_cap,
		 "%s: %s; put back a good copy, or remove it: then nobody is registered and "
		 "nothing reserved",
		 path, wrong);
	return -EINVAL;
}

/* A descriptor of a file that is there and not too large; -ENOENT. */
static int open_state(const char *path, char *err, size_t err_cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r = -errno;
	off_t size;

	if (fd < 0) {
		if (r != -ENOENT)
			snprintf(err, err_cap, "%s: %s", path, strerror(-r));
		return r;
	}
	size = lseek(fd, 0, SEEK_END);
	if (size >= 0 && size <= FILE_MAX && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	return refuse(path, "it is no file of this kind", err, err_cap);
}

int pr_load(struct pr_state *s, const char *path, char *err, size_t err_cap)
{
	int fd = open_state(path, err, err_cap);
	json_error_t where;
	const char *wrong;
	char line[JSON_ERROR_TEXT_LENGTH + 32];
	json_t *root;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	root = json_loadfd(fd, JSON_REJECT_DUPLICATES, &where);
	close(fd);
	if (!root) {
		snprintf(line, sizeof(line), "line %d: %s", where.line, where.text);
		return refuse(path, line, err, err_cap);
	}
	wrong = from_json(s, root);
	json_decref(root);
	if (!wrong)
		return 0;
	pr_state_done(s);
	return refuse(path, wrong, err, err_cap);
}
