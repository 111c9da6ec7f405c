/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDBs: one decoder, one encoder, driven by the command table.
 *
 * Pure functions, any thread.  After a good decode every field that the command
 * has is in range for its width; whether an LBA exists is the device server's
 * business.
 */
#ifndef SCSI_CDB_H
#define SCSI_CDB_H

#include "opcodes.h"
#include "sense.h"

struct scsi_cdb {
	const struct scsi_op *op;
	uint64_t lba;
	uint32_t blocks;	    /* READ/WRITE(6): 0 on the wire means 256, here 256   */
	uint32_t len;		    /* ALLOCATION or PARAMETER LIST LENGTH                */
	uint32_t list_id;	    /* PT/WUT bytes 6-9; RRTI, COA, LID4: 2-5; LID1: 2    */
	uint8_t page, subpage;	    /* INQUIRY, MODE SENSE                                */
	uint8_t pc;		    /* MODE SENSE page control; START STOP power condition */
	uint8_t protect;	    /* RDPROTECT, WRPROTECT, VRPROTECT                    */
	uint8_t bytchk;		    /* VERIFY                                             */
	uint8_t select_report;	    /* REPORT LUNS                                        */
	uint8_t reporting;	    /* RSOC REPORTING OPTIONS                             */
	uint8_t req_opcode;	    /* RSOC                                               */
	uint16_t req_sa;	    /* RSOC                                               */
	bool evpd, dbd, llbaa;	    /* INQUIRY; MODE SENSE                                */
	bool dpo, fua, immed;	    /* READ/WRITE; SYNCHRONIZE CACHE, START STOP          */
	bool pf, sp;		    /* MODE SELECT                                        */
	bool start, loej, no_flush; /* START STOP UNIT                                 */
	bool rctd;		    /* RSOC                                               */
	bool desc;		    /* REQUEST SENSE                                      */
	bool unmap, anchor, ndob;   /* WRITE SAME, UNMAP                                  */
	bool fmtdata, longlist;	    /* FORMAT UNIT                                        */
	bool cmplst;		    /* FORMAT UNIT                                        */
	uint8_t fmtpinfo, ffmt;	    /* FORMAT UNIT                                        */
	uint8_t defect_format;	    /* FORMAT UNIT, READ DEFECT DATA: DEFECT LIST FORMAT  */
	bool plist, glist;	    /* READ DEFECT DATA: REQ_PLIST, REQ_GLIST             */
	uint32_t defect_index;	    /* READ DEFECT DATA(12): ADDRESS DESCRIPTOR INDEX     */
	bool znr, ause;		    /* SANITIZE                                           */
	uint8_t prevent;	    /* PREVENT ALLOW MEDIUM REMOVAL                       */
	uint8_t pr_scope, pr_type;  /* PERSISTENT RESERVE OUT                             */
	uint16_t boundary;	    /* WRITE ATOMIC: ATOMIC BOUNDARY                      */
	uint8_t report_format;	    /* RTPG: PARAMETER DATA FORMAT                        */
	bool repd;		    /* REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS         */
	bool naca;		    /* CONTROL byte                                       */
};

/*
 * Decodes @len bytes at @cdb.  5/20/00 for an unknown opcode; 5/24/00 with a
 * field pointer for an unknown service action (CDB 1 bit 4), a set reserved bit
 * (first offending byte and its highest bit; not for OP_LAX rows) or NACA=1
 * (last byte, bit 2: we have NORMACA=0); a CDB shorter than its row: 5/24/00 at
 * the first missing byte.  @ret untouched unless good.
 */
struct sense scsi_cdb_decode(const uint8_t *cdb, size_t len, struct scsi_cdb *ret);

/* The inverse; @buf is zeroed first.  Returns the CDB's length. */
size_t scsi_cdb_encode(const struct scsi_cdb *cdb, uint8_t buf[16]);

/* Bytes of data the command moves, by its row and @block_size (bytes). */
uint64_t scsi_cdb_data_len(const struct scsi_cdb *cdb, uint32_t block_size);

#endif
