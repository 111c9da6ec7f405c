/* SPDX-License-Identifier: Apache-2.0 */
#include "sense.h"

#include "bytes.h"

#define RESPONSE_FIXED	    0x70
#define RESPONSE_DESCRIPTOR 0x72
#define FIXED_VALID	    0x80
#define DESC_INFORMATION    0x00
#define DESC_COMMAND	    0x01
#define DESC_SKS	    0x02
#define SKS_VALID	    0x80
#define SKS_CDB		    0x40
#define SKS_SD		    0x20
#define SKS_BPV		    0x08

static bool key_has_progress(uint8_t key)
{
	return key == KEY_NO_SENSE || key == KEY_NOT_READY;
}

/* What the sense-key specific bytes mean is the key's to say (SPC-4 4.5.2.4). */
static bool has_sks(struct sense s)
{
	if (s.key == KEY_ILLEGAL_REQUEST)
		return s.flags & (SENSE_FIELD_CDB | SENSE_FIELD_PL);
	if (s.key == KEY_COPY_ABORTED)
		return s.flags & SENSE_FIELD_SEGMENT;
	return key_has_progress(s.key) && s.flags & SENSE_PROGRESS;
}

/* Field pointer or progress indication: three bytes, the same in both formats. */
static void put_sks(uint8_t sks[3], struct sense s)
{
	sks[0] = SKS_VALID;
	if (s.flags & SENSE_PROGRESS) {
		put_be16(sks + 1, s.field);
		return;
	}
	if (s.key == KEY_COPY_ABORTED) /* segment pointer, SPC-4 4.5.2.4.5 */
		sks[0] |= SKS_SD;
	else if (s.flags & SENSE_FIELD_CDB)
		sks[0] |= SKS_CDB;
	if (s.flags & SENSE_FIELD_BIT)
		sks[0] |= SKS_BPV | (s.bit & 7);
	put_be16(sks + 1, s.field);
}

/* Other keys use these bytes for other things: they stay unread then. */
static void get_sks(const uint8_t sks[3], struct sense *s)
{
	if (!(sks[0] & SKS_VALID))
		return;
	if (key_has_progress(s->key)) {
		s->flags |= SENSE_PROGRESS;
		s->field = get_be16(sks + 1);
		return;
	}
	if (s->key == KEY_COPY_ABORTED && (sks[0] & SKS_SD))
		s->flags |= SENSE_FIELD_SEGMENT;
	else if (s->key == KEY_ILLEGAL_REQUEST)
		s->flags |= sks[0] & SKS_CDB ? SENSE_FIELD_CDB : SENSE_FIELD_PL;
	else
		return;
	if (sks[0] & SKS_BPV) {
		s->flags |= SENSE_FIELD_BIT;
		s->bit = sks[0] & 7;
	}
	s->field = get_be16(sks + 1);
}

static void encode_fixed(struct writer *w, struct sense s)
{
	uint8_t b[SENSE_FIXED_LEN] = { RESPONSE_FIXED };

	if ((s.flags & SENSE_INFO) && s.info <= UINT32_MAX) {
		b[0] |= FIXED_VALID;
		put_be32(b + 3, (uint32_t)s.info);
	}
	b[2] = s.key & 0x0f;
	b[7] = SENSE_FIXED_LEN - 8;
	b[12] = s.asc;
	b[13] = s.ascq;
	if (s.flags & SENSE_SEGMENT)
		put_be16(b + 10, s.segment);
	if (has_sks(s))
		put_sks(b + 15, s);
	wr_bytes(w, b, sizeof(b));
}

static void encode_descriptor(struct writer *w, struct sense s)
{
	uint8_t head[8] = { RESPONSE_DESCRIPTOR, s.key & 0x0f, s.asc, s.ascq };

	if (s.flags & SENSE_INFO)
		head[7] += 12;
	if (s.flags & SENSE_SEGMENT)
		head[7] += 12;
	if (has_sks(s))
		head[7] += 8;
	wr_bytes(w, head, sizeof(head));
	if (s.flags & SENSE_INFO) {
		uint8_t d[12] = { DESC_INFORMATION, 0x0a, 0x80 };

		put_be64(d + 4, s.info);
		wr_bytes(w, d, sizeof(d));
	}
	if (s.flags & SENSE_SEGMENT) {
		/* The number is the third and fourth byte of CSI (wire-format 6.3). */
		uint8_t d[12] = { DESC_COMMAND, 0x0a };

		put_be16(d + 6, s.segment);
		wr_bytes(w, d, sizeof(d));
	}
	if (has_sks(s)) {
		uint8_t d[8] = { DESC_SKS, 0x06 };

		put_sks(d + 4, s);
		wr_bytes(w, d, sizeof(d));
	}
}

size_t sense_encode(struct sense s, bool descriptor, uint8_t *buf, size_t cap)
{
	struct writer w = writer(buf, cap);

	if (descriptor)
		encode_descriptor(&w, s);
	else
		encode_fixed(&w, s);
	return w.len;
}

/* The keys whose command-specific information may be a number of segments. */
static bool has_segments(const struct sense *s)
{
	return s->key == KEY_COPY_ABORTED || s->key == KEY_COMPLETED;
}

static void decode_fixed(const uint8_t *buf, size_t len, struct sense *s)
{
	uint8_t b[SENSE_FIXED_LEN] = { 0 };
	size_t end = len;

	/* ADDITIONAL SENSE LENGTH says where the valid bytes end (SPC-4 4.5.3). */
	if (len >= 8 && (size_t)buf[7] + 8 < len)
		end = (size_t)buf[7] + 8;
	memcpy(b, buf, end < sizeof(b) ? end : sizeof(b));
	s->key = b[2] & 0x0f;
	s->asc = b[12];
	s->ascq = b[13];
	if (b[0] & FIXED_VALID) {
		s->flags |= SENSE_INFO;
		s->info = get_be32(b + 3);
	}
	get_sks(b + 15, s);
	/* All sense data of this format has the field; nothing else says that it is used. */
	if (has_segments(s) && (get_be16(b + 10) || (s->flags & SENSE_FIELD_SEGMENT))) {
		s->flags |= SENSE_SEGMENT;
		s->segment = get_be16(b + 10);
	}
}

static void decode_descriptor(const uint8_t *buf, size_t len, struct sense *s)
{
	uint8_t head[8] = { 0 };
	struct reader r;

	memcpy(head, buf, len < sizeof(head) ? len : sizeof(head));
	s->key = head[1] & 0x0f;
	s->asc = head[2];
	s->ascq = head[3];
	if (len <= sizeof(head))
		return;
	len -= sizeof(head);
	r = reader(buf + sizeof(head), head[7] < len ? head[7] : len);
	while (rd_left(&r) >= 2) {
		uint8_t type = rd_u8(&r), n = rd_u8(&r);
		const uint8_t *d = rd_bytes(&r, n);

		if (!d)
			return;
		if (type == DESC_INFORMATION && n == 0x0a && (d[0] & 0x80)) {
			s->flags |= SENSE_INFO;
			s->info = get_be64(d + 2);
		} else if (type == DESC_COMMAND && n == 0x0a && has_segments(s)) {
			s->flags |= SENSE_SEGMENT;
			s->segment = get_be16(d + 4);
		} else if (type == DESC_SKS && n == 0x06 && !has_sks(*s)) {
			get_sks(d + 2, s);
		}
	}
}

bool sense_decode(const uint8_t *buf, size_t len, struct sense *ret)
{
	struct sense s = sense_good();

	if (len == 0 || (buf[0] & 0x7c) != RESPONSE_FIXED)
		return false;
	if (buf[0] & 0x02)
		decode_descriptor(buf, len, &s);
	else
		decode_fixed(buf, len, &s);
	*ret = s;
	return true;
}

static const struct {
	uint16_t code;
	const char *text;
} texts[] = {
	{ ASC_NONE, "no additional sense" },
	{ ASC_OPERATION_IN_PROGRESS, "operation in progress" },
	{ ASC_NOT_READY_INITIALIZING_REQUIRED, "not ready, start unit needed" },
	{ ASC_NOT_READY_MANUAL_INTERVENTION, "not ready, manual intervention required" },
	{ ASC_FORMAT_IN_PROGRESS, "format in progress" },
	{ ASC_SANITIZE_IN_PROGRESS, "sanitize in progress" },
	{ ASC_WRITE_ERROR, "write error" },
	{ ASC_COPY_TARGET_DATA_UNDERRUN, "copy target device data underrun" },
	{ ASC_UNREACHABLE_COPY_TARGET, "unreachable copy target" },
	{ ASC_COPY_INFORMATION_AVAILABLE, "extended copy information available" },
	{ ASC_THIRD_PARTY_DEVICE_FAILURE, "third party device failure" },
	{ ASC_COPY_TARGET_NOT_REACHABLE, "copy target device not reachable" },
	{ ASC_COPY_TARGET_INCORRECT_TYPE, "incorrect copy target device type" },
	{ ASC_TOO_MANY_TARGET_DESCRIPTORS, "too many target descriptors" },
	{ ASC_UNSUPPORTED_TARGET_DESCRIPTOR, "unsupported target descriptor" },
	{ ASC_UNSUPPORTED_SEGMENT_DESCRIPTOR, "unsupported segment descriptor" },
	{ ASC_UNEXPECTED_INEXACT_SEGMENT, "unexpected inexact segment" },
	{ ASC_INLINE_DATA_LENGTH_EXCEEDED, "inline data length exceeded" },
	{ ASC_SEGMENT_GRANULARITY_VIOLATION, "copy segment granularity violation" },
	{ ASC_FAST_COPY_NOT_POSSIBLE, "fast copy not possible" },
	{ ASC_UNRECOVERED_READ_ERROR, "unrecovered read error" },
	{ ASC_PARAMETER_LIST_LENGTH_ERROR, "parameter list length error" },
	{ ASC_MISCOMPARE_DURING_VERIFY, "miscompare during verify" },
	{ ASC_INVALID_OPCODE, "invalid command operation code" },
	{ ASC_LBA_OUT_OF_RANGE, "LBA out of range" },
	{ ASC_INVALID_TOKEN_OPERATION, "invalid token operation, cause not reportable" },
	{ ASC_TOKEN_TYPE_UNSUPPORTED, "unsupported token type" },
	{ ASC_TOKEN_REMOTE_UNSUPPORTED, "remote token usage not supported" },
	{ ASC_TOKEN_UNKNOWN, "token unknown" },
	{ ASC_TOKEN_CORRUPT, "token corrupt" },
	{ ASC_TOKEN_REVOKED, "token revoked" },
	{ ASC_TOKEN_EXPIRED, "token expired" },
	{ ASC_TOKEN_CANCELLED, "token cancelled" },
	{ ASC_TOKEN_DELETED, "token deleted" },
	{ ASC_TOKEN_LENGTH, "invalid token length" },
	{ ASC_INVALID_FIELD_IN_CDB, "invalid field in CDB" },
	{ ASC_LUN_NOT_SUPPORTED, "logical unit not supported" },
	{ ASC_INVALID_FIELD_IN_PARAMETER_LIST, "invalid field in parameter list" },
	{ ASC_INVALID_RELEASE, "invalid release of persistent reservation" },
	{ ASC_TOO_MANY_SEGMENT_DESCRIPTORS, "too many descriptors" },
	{ ASC_WRITE_PROTECTED, "write protected" },
	{ ASC_SPACE_ALLOCATION_FAILED, "space allocation failed" },
	{ ASC_MEDIUM_MAY_HAVE_CHANGED, "not ready to ready change, medium may have changed" },
	{ ASC_POWER_ON_OR_RESET, "power on or reset" },
	{ ASC_POWER_ON, "power on" },
	{ ASC_DEVICE_RESET, "device reset" },
	{ ASC_NEXUS_LOSS, "I_T nexus loss" },
	{ ASC_MODE_PARAMETERS_CHANGED, "mode parameters changed" },
	{ ASC_RESERVATIONS_PREEMPTED, "reservations preempted" },
	{ ASC_RESERVATIONS_RELEASED, "reservations released" },
	{ ASC_REGISTRATIONS_PREEMPTED, "registrations preempted" },
	{ ASC_CAPACITY_CHANGED, "capacity changed" },
	{ ASC_COMMANDS_CLEARED_BY_ANOTHER, "commands cleared by another initiator" },
	{ ASC_COMMANDS_CLEARED_BY_SERVER, "commands cleared by device server" },
	{ ASC_SANITIZE_FAILED, "sanitize command failed" },
	{ ASC_SAVING_PARAMETERS_UNSUPPORTED, "saving parameters not supported" },
	{ ASC_MEDIUM_NOT_PRESENT, "medium not present" },
	{ ASC_MEDIUM_NOT_PRESENT_TRAY_OPEN, "medium not present, tray open" },
	{ ASC_REPORTED_LUNS_CHANGED, "reported LUNs changed" },
	{ ASC_INTERNAL_TARGET_FAILURE, "internal target failure" },
	{ ASC_TOO_MUCH_WRITE_DATA, "too much write data" },
	{ ASC_MEDIUM_REMOVAL_PREVENTED, "medium removal prevented" },
	{ ASC_INSUFFICIENT_RESOURCES, "insufficient resources" },
	{ ASC_INSUFFICIENT_REGISTRATIONS, "insufficient registration resources" },
	{ ASC_INSUFFICIENT_RESOURCES_ROD, "insufficient resources to create ROD" },
	{ ASC_INSUFFICIENT_RESOURCES_TOKEN, "insufficient resources to create ROD token" },
};

static const char *const key_texts[16] = {
	"no sense",	  "recovered error", "not ready",      "medium error",
	"hardware error", "illegal request", "unit attention", "data protect",
	"blank check",	  "vendor specific", "copy aborted",   "aborted command",
	"reserved sense", "volume overflow", "miscompare",     "completed",
};

const char *sense_text(struct sense s)
{
	if (sense_asc_ascq(s) == ASC_NONE)
		return sense_is_good(s) ? texts[0].text : key_texts[s.key & 0x0f];
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].code == sense_asc_ascq(s))
			return texts[i].text;
	return key_texts[s.key & 0x0f];
}
