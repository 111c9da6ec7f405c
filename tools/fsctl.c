/* SPDX-License-Identifier: Apache-2.0 */
#include "fsctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fsctl_file fsctl_lun(struct disk *d)
{
	return (struct fsctl_file) {
		.disk = d, .size = disk_bytes(d), .valid = disk_bytes(d), .least = FSCTL_LEAST
	};
}

uint64_t fsctl_map(const struct fsctl_file *f, uint64_t off, uint64_t *ret_disk_off)
{
	if (!f->extents) {
		*ret_disk_off = off;
		return off < disk_bytes(f->disk) ? disk_bytes(f->disk) - off : 0;
	}
	for (unsigned i = 0; i < f->n; i++) {
		if (off < f->extents[i].len) {
			*ret_disk_off = f->extents[i].off + off;
			return f->extents[i].len - off;
		}
		off -= f->extents[i].len;
	}
	return 0;
}

static uint64_t min64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t round_up(uint64_t v, uint32_t bs)
{
	return (v + bs - 1) / bs * bs;
}

/* What both calls ask of where and how much; *ret_len: cut at the end of the file. */
static enum ntstatus judge(const struct fsctl_file *f, uint64_t off, uint64_t len,
			   uint64_t *ret_len, char *err)
{
	uint32_t bs = f->disk->capacity.block_size;
	uint64_t end;

	err[0] = '\0';
	if (!f->disk->has_odx) {
		snprintf(err, INITIATOR_ERR, "%s", f->disk->why_no_odx);
		return NT_NOT_SUPPORTED;
	}
	if (__builtin_add_overflow(off, len, &end) || end > FSCTL_MAX_FILE) {
		snprintf(err, INITIATOR_ERR, "offset and length are more than a file can have");
		return NT_INVALID_PARAMETER;
	}
	if (off % bs || (len % bs && end != f->size)) {
		snprintf(err, INITIATOR_ERR,
			 "offset and length must be multiples of %u bytes, but at the end", bs);
		return NT_INVALID_PARAMETER;
	}
	*ret_len = 0;
	if (len == 0)
		return NT_SUCCESS;
	if (off >= f->size) {
		snprintf(err, INITIATOR_ERR, "the offset is past the end of the file");
		return NT_END_OF_FILE;
	}
	*ret_len = min64(len, f->size - off);
	return NT_SUCCESS;
}

/* The extents below [off, off + len); the caller frees *ret.  False: no memory, or no extent. */
static bool ranges_of(const struct fsctl_file *f, uint64_t off, uint64_t len,
		      struct dsm_range **ret, unsigned *ret_n)
{
	struct dsm_range *v = calloc(f->n + 1, sizeof(*v));
	unsigned n = 0;

	while (v && len > 0) {
		uint64_t at, part = min64(fsctl_map(f, off, &at), len);

		if (part == 0) {
			free(v);
			return false;
		}
		v[n++] = (struct dsm_range) { .off = at, .len = part };
		off += part;
		len -= part;
	}
	*ret = v;
	*ret_n = n;
	return v;
}

static enum ntstatus no_ranges(char *err)
{
	snprintf(err, INITIATOR_ERR, "the file has no extents there, or memory is short");
	return NT_INSUFFICIENT_RESOURCES;
}

/* A file too small: not a failure, but nothing is done. */
static bool too_small(const struct fsctl_file *f, char *err)
{
	if (f->size >= f->least)
		return false;
	snprintf(err, INITIATOR_ERR, "the file is too small to be offloaded");
	return true;
}

static enum ntstatus read_data(const struct fsctl_file *f, const struct fsctl_read_in *in,
			       uint64_t len, struct fsctl_read_out *out, char *err)
{
	struct dsm_read_in dsm = { .time_to_live = in->token_time_to_live };
	struct dsm_read_out got;
	struct dsm_range *v;
	enum ntstatus nt;
	unsigned n;

	if (!ranges_of(f, in->file_offset, round_up(len, f->disk->capacity.block_size), &v, &n))
		return no_ranges(err);
	nt = dsm_offload_read(f->disk, &dsm, v, n, &got, err);
	free(v);
	if (nt)
		return nt;
	out->transfer_length = min64(got.length_protected, len);
	memcpy(out->token, got.token, sizeof(out->token));
	return NT_SUCCESS;
}

enum ntstatus fsctl_offload_read(const struct fsctl_file *f, const struct fsctl_read_in *in,
				 struct fsctl_read_out *out, char *err)
{
	uint64_t valid = min64(round_up(f->valid, f->disk->capacity.block_size), f->size), len;
	enum ntstatus nt = judge(f, in->file_offset, in->copy_length, &len, err);

	memset(out, 0, sizeof(*out));
	if (nt || len == 0)
		return nt;
	if (too_small(f, err)) {
		out->flags = FSCTL_READ_TOO_SMALL;
		return NT_SUCCESS;
	}
	if (in->file_offset >= valid) {
		rod_token_encode_zero(out->token);
		out->transfer_length = len;
		out->flags = FSCTL_READ_ALL_ZERO_BEYOND;
		return NT_SUCCESS;
	}
	nt = read_data(f, in, min64(len, valid - in->file_offset), out, err);
	if (nt == NT_SUCCESS && valid < f->size && in->file_offset + out->transfer_length == valid)
		out->flags |= FSCTL_READ_ALL_ZERO_BEYOND;
	return nt;
}

static enum ntstatus write_data(struct fsctl_file *f, const struct fsctl_write_in *in, uint64_t len,
				struct fsctl_write_out *out, char *err)
{
	struct dsm_write_in dsm = { .token_offset = in->transfer_offset };
	struct dsm_write_out got;
	struct dsm_range *v;
	enum ntstatus nt;
	unsigned n;

	if (!ranges_of(f, in->file_offset, round_up(len, f->disk->capacity.block_size), &v, &n))
		return no_ranges(err);
	memcpy(dsm.token, in->token, sizeof(dsm.token));
	nt = dsm_offload_write(f->disk, &dsm, v, n, &got, err);
	free(v);
	out->length_written = min64(got.length_copied, len);
	if (in->file_offset + out->length_written > f->valid)
		f->valid = in->file_offset + out->length_written;
	return nt;
}

enum ntstatus fsctl_offload_write(struct fsctl_file *f, const struct fsctl_write_in *in,
				  struct fsctl_write_out *out, char *err)
{
	uint64_t len;
	enum ntstatus nt = judge(f, in->file_offset, in->copy_length, &len, err);

	memset(out, 0, sizeof(*out));
	if (nt || len == 0)
		return nt;
	if (in->transfer_offset % f->disk->capacity.block_size) {
		snprintf(err, INITIATOR_ERR, "the transfer offset lies inside a block");
		return NT_INVALID_PARAMETER;
	}
	if (in->file_offset > f->valid) {
		snprintf(err, INITIATOR_ERR, "the offset is past the valid data length");
		return NT_BEYOND_VDL;
	}
	if (too_small(f, err)) {
		out->flags = FSCTL_READ_TOO_SMALL;
		return NT_SUCCESS;
	}
	return write_data(f, in, len, out, err);
}
