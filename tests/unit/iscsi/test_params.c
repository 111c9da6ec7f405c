/* SPDX-License-Identifier: Apache-2.0 */
/* Key negotiation: every key of the table, at its boundaries, in any order. */
#include "params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static struct params_nego nego;
static uint8_t reply[8192];
static struct writer out;

static void begin(void)
{
	params_init(&nego);
	out = writer(reply, sizeof(reply));
}

/* One text, '|' between pairs; the answer with '|' likewise. */
static const char *say(const char *text)
{
	static char answer[8200];
	char *buf = malloc(strlen(text) + 1); /* of just this size: sanitizers watch the end */
	size_t len = strlen(text);
	bool good;

	for (size_t i = 0; i <= len; i++)
		buf[i] = text[i] == '|' ? '\0' : text[i];
	out = writer(reply, sizeof(reply));
	good = params_parse(&nego, buf, len ? len + 1 : 0, &out);
	if (good)
		params_negotiate(&nego, &out);
	free(buf);
	if (!good)
		return "(refused)";
	memcpy(answer, reply, wr_stored(&out));
	for (size_t i = 0; i + 1 < out.len; i++)
		if (answer[i] == '\0')
			answer[i] = '|';
	answer[out.len ? out.len - 1 : 0] = '\0';
	return answer;
}

static void expect(const char *text, const char *want)
{
	const char *got;

	begin();
	got = say(text);
	if (strcmp(got, want) != 0)
		printf("    %s: got \"%s\", want \"%s\"\n", text, got, want);
	CU_ASSERT_STRING_EQUAL(got, want);
}

static void test_defaults(void)
{
	begin();
	CU_ASSERT_EQUAL(nego.agreed.header_digest, 0);
	CU_ASSERT_EQUAL(nego.agreed.data_digest, 0);
	CU_ASSERT_EQUAL(nego.agreed.max_connections, 1);
	CU_ASSERT_EQUAL(nego.agreed.initial_r2t, 1);
	CU_ASSERT_EQUAL(nego.agreed.immediate_data, 1);
	CU_ASSERT_EQUAL(nego.agreed.peer_max_recv, 8192);
	CU_ASSERT_EQUAL(nego.agreed.max_burst, 262144);
	CU_ASSERT_EQUAL(nego.agreed.first_burst, 65536);
	CU_ASSERT_EQUAL(nego.agreed.time2wait, 2);
	CU_ASSERT_EQUAL(nego.agreed.time2retain, 20);
	CU_ASSERT_EQUAL(nego.agreed.max_r2t, 1);
	CU_ASSERT_EQUAL(nego.agreed.pdu_in_order, 1);
	CU_ASSERT_EQUAL(nego.agreed.sequence_in_order, 1);
	CU_ASSERT_EQUAL(nego.agreed.error_recovery_level, 0);
}

static const struct {
	const char *say, *answer;
} each_key[] = {
	{ "HeaderDigest=None", "HeaderDigest=None" },
	{ "HeaderDigest=CRC32C", "HeaderDigest=CRC32C" },
	{ "HeaderDigest=None,CRC32C", "HeaderDigest=None" },
	{ "HeaderDigest=CRC32C,None", "HeaderDigest=CRC32C" },
	{ "HeaderDigest=MD5,CRC32C,None", "HeaderDigest=CRC32C" },
	{ "HeaderDigest=MD5", "HeaderDigest=Reject" },
	{ "DataDigest=None", "DataDigest=None" },
	{ "DataDigest=CRC32C,None", "DataDigest=CRC32C" },
	{ "DataDigest=", "DataDigest=Reject" },
	{ "MaxConnections=1", "MaxConnections=1" },
	{ "MaxConnections=65535", "MaxConnections=1" },
	{ "MaxConnections=0", "MaxConnections=Reject" },
	{ "MaxConnections=65536", "MaxConnections=Reject" },
	{ "InitialR2T=Yes", "InitialR2T=Yes" },
	{ "InitialR2T=No", "InitialR2T=No" },
	{ "InitialR2T=yes", "InitialR2T=Reject" },
	{ "ImmediateData=Yes", "ImmediateData=Yes" },
	{ "ImmediateData=No", "ImmediateData=No" },
	{ "ImmediateData=1", "ImmediateData=Reject" },
	{ "MaxRecvDataSegmentLength=512", "" },
	{ "MaxRecvDataSegmentLength=16777215", "" },
	{ "MaxRecvDataSegmentLength=0x10000", "" },
	{ "MaxRecvDataSegmentLength=511", "MaxRecvDataSegmentLength=Reject" },
	{ "MaxRecvDataSegmentLength=16777216", "MaxRecvDataSegmentLength=Reject" },
	{ "MaxBurstLength=512", "MaxBurstLength=512" },
	{ "MaxBurstLength=511", "MaxBurstLength=Reject" },
	{ "MaxBurstLength=1048576", "MaxBurstLength=1048576" },
	{ "MaxBurstLength=1048577", "MaxBurstLength=1048576" },
	{ "MaxBurstLength=16777215", "MaxBurstLength=1048576" },
	{ "MaxBurstLength=16777216", "MaxBurstLength=Reject" },
	{ "MaxBurstLength=-1", "MaxBurstLength=Reject" },
	{ "FirstBurstLength=512", "FirstBurstLength=512" },
	{ "FirstBurstLength=511", "FirstBurstLength=Reject" },
	{ "FirstBurstLength=65536", "FirstBurstLength=65536" },
	{ "FirstBurstLength=65537", "FirstBurstLength=65536" },
	{ "FirstBurstLength=16777216", "FirstBurstLength=Reject" },
	{ "DefaultTime2Wait=0", "DefaultTime2Wait=0" },
	{ "DefaultTime2Wait=3600", "DefaultTime2Wait=3600" },
	{ "DefaultTime2Wait=3601", "DefaultTime2Wait=Reject" },
	{ "DefaultTime2Retain=0", "DefaultTime2Retain=0" },
	{ "DefaultTime2Retain=3600", "DefaultTime2Retain=0" },
	{ "DefaultTime2Retain=3601", "DefaultTime2Retain=Reject" },
	{ "MaxOutstandingR2T=1", "MaxOutstandingR2T=1" },
	{ "MaxOutstandingR2T=65535", "MaxOutstandingR2T=1" },
	{ "MaxOutstandingR2T=0", "MaxOutstandingR2T=Reject" },
	{ "MaxOutstandingR2T=65536", "MaxOutstandingR2T=Reject" },
	{ "DataPDUInOrder=Yes", "DataPDUInOrder=Yes" },
	{ "DataPDUInOrder=No", "DataPDUInOrder=Yes" },
	{ "DataSequenceInOrder=Yes", "DataSequenceInOrder=Yes" },
	{ "DataSequenceInOrder=No", "DataSequenceInOrder=Yes" },
	{ "ErrorRecoveryLevel=0", "ErrorRecoveryLevel=0" },
	{ "ErrorRecoveryLevel=2", "ErrorRecoveryLevel=0" },
	{ "ErrorRecoveryLevel=3", "ErrorRecoveryLevel=Reject" },
	{ "TaskReporting=ResponseFence,RFC3720", "TaskReporting=RFC3720" },
	{ "TaskReporting=FastAbort", "TaskReporting=Reject" },
	{ "IFMarker=No", "IFMarker=No" },
	{ "OFMarker=Yes", "OFMarker=No" },
	{ "IFMarkInt=1~65535", "IFMarkInt=Reject" },
	{ "OFMarkInt=2048", "OFMarkInt=Reject" },
	{ "InitiatorName=iqn.x", "" },
	{ "InitiatorAlias=me", "" },
	{ "TargetName=iqn.y", "" },
	{ "SessionType=Normal", "" },
	{ "AuthMethod=None", "" },
	{ "SendTargets=All", "" },
	{ "X-com.example.Whatever=1", "X-com.example.Whatever=NotUnderstood" },
	{ "Nonsense=", "Nonsense=NotUnderstood" },
	{ "iSCSIProtocolLevel=1", "iSCSIProtocolLevel=1" },
	{ "iSCSIProtocolLevel=31", "iSCSIProtocolLevel=1" },
	{ "iSCSIProtocolLevel=32", "iSCSIProtocolLevel=Reject" },
	{ "X#NodeArchitecture=x", "X#NodeArchitecture=NotUnderstood" },
	{ "maxburstlength=1024", "maxburstlength=NotUnderstood" },
	{ "1key=1", "(refused)" },
	{ "MaxBurstLength", "(refused)" },
	{ "=1", "(refused)" },
	{ "TargetAlias=x", "(refused)" },
	{ "TargetAddress=1.2.3.4", "(refused)" },
	{ "TargetPortalGroupTag=1", "(refused)" },
};

static void test_each_key(void)
{
	for (unsigned i = 0; i < sizeof(each_key) / sizeof(each_key[0]); i++)
		expect(each_key[i].say, each_key[i].answer);
}

static void test_values_are_kept(void)
{
	begin();
	say("HeaderDigest=CRC32C|DataDigest=CRC32C|MaxRecvDataSegmentLength=65536|"
	    "MaxBurstLength=131072|FirstBurstLength=4096|InitialR2T=No|ImmediateData=No|"
	    "DefaultTime2Wait=7|DefaultTime2Retain=9");
	CU_ASSERT_EQUAL(nego.agreed.header_digest, 1);
	CU_ASSERT_EQUAL(nego.agreed.data_digest, 1);
	CU_ASSERT_EQUAL(nego.agreed.peer_max_recv, 65536);
	CU_ASSERT_EQUAL(nego.agreed.max_burst, 131072);
	CU_ASSERT_EQUAL(nego.agreed.first_burst, 4096);
	CU_ASSERT_EQUAL(nego.agreed.initial_r2t, 0);
	CU_ASSERT_EQUAL(nego.agreed.immediate_data, 0);
	CU_ASSERT_EQUAL(nego.agreed.time2wait, 7);
	CU_ASSERT_EQUAL(nego.agreed.time2retain, 0);
}

static void test_rejected_keeps_default(void)
{
	begin();
	say("MaxBurstLength=1|MaxRecvDataSegmentLength=1|HeaderDigest=x");
	CU_ASSERT_EQUAL(nego.agreed.max_burst, 262144);
	CU_ASSERT_EQUAL(nego.agreed.peer_max_recv, 8192);
	CU_ASSERT_EQUAL(nego.agreed.header_digest, 0);
}

static void test_first_burst(void)
{
	/* Without unsolicited data it says nothing, whichever order the keys come in. */
	expect("InitialR2T=Yes|ImmediateData=No|FirstBurstLength=8192",
	       "InitialR2T=Yes|ImmediateData=No|FirstBurstLength=Irrelevant");
	expect("FirstBurstLength=8192|ImmediateData=No|InitialR2T=Yes",
	       "InitialR2T=Yes|ImmediateData=No|FirstBurstLength=Irrelevant");
	expect("FirstBurstLength=8192|ImmediateData=No|InitialR2T=No",
	       "InitialR2T=No|ImmediateData=No|FirstBurstLength=8192");
	expect("FirstBurstLength=8192|ImmediateData=Yes|InitialR2T=Yes",
	       "InitialR2T=Yes|ImmediateData=Yes|FirstBurstLength=8192");
	expect("FirstBurstLength=8192|MaxBurstLength=4096",
	       "MaxBurstLength=4096|FirstBurstLength=4096");
	expect("MaxBurstLength=8192|FirstBurstLength=8192",
	       "MaxBurstLength=8192|FirstBurstLength=8192");
}

static void test_discovery(void)
{
	static const char *const irrelevant[] = {
		"MaxConnections=1",    "InitialR2T=Yes",	 "ImmediateData=Yes",
		"MaxBurstLength=4096", "FirstBurstLength=4096",	 "MaxOutstandingR2T=1",
		"DataPDUInOrder=Yes",  "DataSequenceInOrder=Yes"
	};
	char want[64];

	for (unsigned i = 0; i < sizeof(irrelevant) / sizeof(irrelevant[0]); i++) {
		begin();
		nego.discovery = true;
		snprintf(want, sizeof(want), "%.*s=Irrelevant",
			 (int)(strchr(irrelevant[i], '=') - irrelevant[i]), irrelevant[i]);
		CU_ASSERT_STRING_EQUAL(say(irrelevant[i]), want);
	}
	begin();
	nego.discovery = true;
	CU_ASSERT_STRING_EQUAL(say("HeaderDigest=CRC32C|ErrorRecoveryLevel=1"),
			       "HeaderDigest=CRC32C|ErrorRecoveryLevel=0");
}

static void test_twice(void)
{
	expect("ImmediateData=Yes|ImmediateData=Yes", "(refused)");
	begin();
	CU_ASSERT_STRING_EQUAL(say("ImmediateData=Yes"), "ImmediateData=Yes");
	CU_ASSERT_STRING_EQUAL(say("ImmediateData=Yes"), "(refused)");
	begin();
	say("InitiatorName=iqn.a");
	CU_ASSERT_STRING_EQUAL(say("InitiatorName=iqn.a"), "(refused)");
}

static void test_full_feature(void)
{
	begin();
	nego.full_feature = true;
	CU_ASSERT_STRING_EQUAL(say("MaxRecvDataSegmentLength=4096|SendTargets=All"), "");
	CU_ASSERT_EQUAL(nego.agreed.peer_max_recv, 4096);
	CU_ASSERT_STRING_EQUAL(say("HeaderDigest=CRC32C"), "HeaderDigest=Reject");
	CU_ASSERT_EQUAL(nego.agreed.header_digest, 0);
	CU_ASSERT_STRING_EQUAL(say("InitiatorName=iqn.a"), "InitiatorName=Reject");
	CU_ASSERT_STRING_EQUAL(say("CHAP_A=5"), "CHAP_A=Reject");
}

static void test_declares_once(void)
{
	begin();
	CU_ASSERT_STRING_EQUAL(say(""), "");
	nego.operational = true;
	CU_ASSERT_STRING_EQUAL(say(""), "MaxRecvDataSegmentLength=262144");
	CU_ASSERT_STRING_EQUAL(say(""), "");
}

static void test_reply_counts_past_its_room(void)
{
	char text[] = "Aa=1\0Ab=2\0Ac=3";
	struct writer small = writer(reply, 20);

	begin();
	memset(reply, 0x5a, sizeof(reply));
	CU_ASSERT(params_parse(&nego, text, sizeof(text), &small));
	CU_ASSERT_EQUAL(small.len, 3 * sizeof("Aa=NotUnderstood"));
	CU_ASSERT_EQUAL(reply[20], 0x5a);
}

static void test_security_is_seen(void)
{
	begin();
	say("MaxBurstLength=4096");
	CU_ASSERT_FALSE(params_has_security(&nego));
	say("CHAP_N=x");
	CU_ASSERT(params_has_security(&nego));
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "without a word the defaults of RFC 7143 hold", test_defaults },
		{ "every key is answered by its rule, at its boundaries", test_each_key },
		{ "what was agreed is kept", test_values_are_kept },
		{ "a rejected value leaves the default", test_rejected_keeps_default },
		{ "FirstBurstLength depends on three others, in any order", test_first_burst },
		{ "keys that mean nothing in discovery are Irrelevant", test_discovery },
		{ "a key that comes twice is refused", test_twice },
		{ "only a few keys may change in full feature phase", test_full_feature },
		{ "our MaxRecvDataSegmentLength is declared once", test_declares_once },
		{ "a reply longer than its room is seen, not stored",
		  test_reply_counts_past_its_room },
		{ "keys of the security stage are told apart", test_security_is_seen },
		TEST_END
	};

	return test_main(argc, argv, "iscsi_params", tests);
}
