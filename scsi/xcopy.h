/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EXTENDED COPY: its parameter lists, with one-byte (LID1) and four-byte list
 * identifiers (LID4), and the data of the commands that ask about it (SPC-4 6.4,
 * 6.17 and others, restated in our protocol notes, 2.4 to 2.6 and 3.4 to 3.6).  Pure,
 * any thread.
 */
#ifndef SCSI_XCOPY_H
#define SCSI_XCOPY_H

#include "bytes.h"
#include "sense.h"

/* Named limits: what RECEIVE COPY OPERATING PARAMETERS and VPD 8Fh report. */
#define XCOPY_MAX_CSCDS	     64
#define XCOPY_MAX_SEGMENTS   64
#define XCOPY_MAX_LIST	     3840 /* CSCD and segment descriptors together, bytes */

#define XCOPY_LID1_HEADER    16
#define XCOPY_LID4_HEADER    48
#define XCOPY_CSCD_LEN	     32
#define XCOPY_ID_THIS_LU     0xffff /* CSCD identifier of the LU that got the command */
#define XCOPY_MAX_DESIGNATOR 20

/* Those that we carry out. */
enum xcopy_segment_type {
	XCOPY_BLOCKS = 0x02, /* block to block, in blocks            */
	XCOPY_VERIFY = 0x07, /* is the CSCD there?                   */
	XCOPY_OFFSET = 0x0a, /* block to block, in bytes with offsets */
};
#define XCOPY_CSCD_IDENTIFICATION 0xe4

enum xcopy_usage { XCOPY_KEEP = 0, XCOPY_DISCARD = 2, XCOPY_NO_ID = 3 }; /* LIST ID USAGE */

/* A decoded list points into the raw bytes. */
struct xcopy_list {
	bool lid4;
	uint32_t list_id;
	uint8_t usage, priority;
	bool str, immed, g_sense; /* the last two: LID4 only */
	unsigned ncscds;	  /* the first has identifier 0 (LID1) or 1 (LID4) */
	const uint8_t *cscds;
	unsigned nsegments;
	const uint8_t *segments;
	size_t segments_len;
};

/*
 * Structure, counts, lengths and descriptor types, in the order of wire-format 2.4:
 * 5/1A/00, 5/26/00 with a field pointer, 5/26/06 to 09, 5/26/0B.  @len is what was
 * transferred, at least 1.  What the descriptors name is the copy manager's to judge.
 */
struct sense xcopy_decode(const uint8_t *pl, size_t len, bool lid4, struct xcopy_list *ret);
/* LIST IDENTIFIER of a list that may be refused; false when it is too short to have one. */
bool xcopy_peek_list_id(const uint8_t *pl, size_t len, bool lid4, uint32_t *ret);

/* An identification descriptor (E4h). */
struct xcopy_cscd {
	uint8_t pdt;
	uint8_t code_set, association, designator_type, designator_len;
	const uint8_t *designator; /* inside the list */
	bool pad;
	uint32_t block_size; /* DISK BLOCK LENGTH; 0: not said */
};
struct xcopy_cscd xcopy_cscd_at(const struct xcopy_list *l, unsigned i);
/* The index of CSCD identifier @id, or -1; not for XCOPY_ID_THIS_LU. */
int xcopy_cscd_index(const struct xcopy_list *l, uint16_t id);

struct xcopy_segment {
	uint8_t type; /* enum xcopy_segment_type */
	bool dc, cat, tur;
	uint16_t src, dst; /* CSCD identifiers            */
	uint32_t count;	   /* blocks, or bytes of 0Ah     */
	uint64_t src_lba, dst_lba;
	uint16_t src_off, dst_off; /* bytes, of 0Ah               */
};
/* Steps through the segments of a list that was decoded; *pos starts at 0. */
bool xcopy_segment_next(const struct xcopy_list *l, size_t *pos, struct xcopy_segment *ret);

/* The inverse, for initiators; stores at most @cap, returns the full length. */
size_t xcopy_encode(uint8_t *pl, size_t cap, const struct xcopy_list *head,
		    const struct xcopy_cscd *cscds, unsigned ncscds,
		    const struct xcopy_segment *segments, unsigned nsegments);

/* ---- what is asked about it ---- */

/* RECEIVE COPY OPERATING PARAMETERS, as far as it is not fixed by the limits above. */
struct xcopy_params {
	uint16_t total_copies; /* TOTAL CONCURRENT COPIES   */
	uint8_t max_copies;    /* MAXIMUM CONCURRENT COPIES */
	uint8_t granularity;   /* DATA SEGMENT GRANULARITY, log2 of bytes */
};
void xcopy_params_encode(struct writer *w, const struct xcopy_params *p);
/* VPD 8Fh: what is supported, ascending; segment types first. */
extern const uint8_t xcopy_descriptors[4];

/* RECEIVE COPY STATUS(LID1). */
enum xcopy_status { XCOPY_RUNNING = 0, XCOPY_OK = 1, XCOPY_FAILED = 2 };
void xcopy_status_encode(struct writer *w, enum xcopy_status status, uint16_t segments,
			 uint64_t bytes);
struct xcopy_lid1_status {
	uint8_t status, units;
	uint16_t segments;
	uint32_t count;
};
bool xcopy_status_decode(const uint8_t *p, size_t len, struct xcopy_lid1_status *ret);
/* RECEIVE COPY FAILURE DETAILS(LID1); sense_is_good: there was no failure. */
void xcopy_failure_encode(struct writer *w, uint8_t status, struct sense s);

/*
 * COPY ABORTED of segment number @segment, pointing at byte @field of its
 * descriptor.
 */
struct sense xcopy_sense(unsigned asc_ascq, uint16_t segment, uint16_t field);

#endif
