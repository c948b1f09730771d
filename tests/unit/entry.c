/* store/entry.c and entry_read.c: the texts, their leaves, and hostile
 * values. */
#include "store/entry.h"

#include <string.h>

#include "base/merkle.h"
#include "store/entry_read.h"
#include "tap.h"

#define HEX_1 "0101010101010101010101010101010101010101010101010101010101010101"
#define HEX_2 "0202020202020202020202020202020202020202020202020202020202020202"
#define HEX_3 "0303030303030303030303030303030303030303030303030303030303030303"

static unsigned char one[DIGEST_BYTES], two[DIGEST_BYTES], three[DIGEST_BYTES];

#define HEAD(number, kind) "{\"v\":1,\"number\":" number ",\"writer\":" \
	"\"00000000000000ff\",\"turn\":7,\"kind\":\"" kind "\"," \
	"\"received\":1760000000000,"

static struct entry
base(enum entry_kind kind)
{
	return (struct entry){ .number = 12, .keyed = true, .writer = 255,
		.turn = 7, .kind = kind, .received = 1760000000000,
		.source = "agentgate", .scheme = "hmac-sha256", .length = 91,
		.mapping = 3, .reason = NULL, .address = one, .delivery = two,
		.event_id = "01K7", .event = three, .tenant = "default",
		.org = "de\"fault", .of = 4, .what = "bodies", .before = 9,
		.count = 2, .numbers = one, .sessions = 5, .events = 6,
		.root = two, .commit = three, .size = 11, .next = 1,
		.why = "older", .lost_first = 5, .lost_last = 6 };
}

static void
check_text(const char *what, const struct entry *entry, const char *expected)
{
	struct text text = TEXT_EMPTY, again = TEXT_EMPTY;
	struct entry_storage storage;
	struct entry back;
	unsigned char leaf[DIGEST_BYTES], expected_leaf[DIGEST_BYTES];

	ok(entry_leaf(entry, &text, leaf) == 0 &&
	    strcmp(text_string(&text), expected) == 0, "%s", what);
	merkle_leaf(expected, strlen(expected), expected_leaf);
	ok(memcmp(leaf, expected_leaf, sizeof(leaf)) == 0, "%s: leaf", what);
	ok(entry_read(expected, strlen(expected), &back, &storage) == 0 &&
	    entry_write(&back, &again) == 0 &&
	    strcmp(text_string(&again), expected) == 0, "%s: read", what);
	entry_storage_free(&storage);
	text_free(&text);
	text_free(&again);
}

static void
check_deliveries(void)
{
	struct entry entry = base(ENTRY_DELIVERY);

	check_text("a delivery", &entry, HEAD("12", "delivery")
	    "\"source\":\"agentgate\",\"scheme\":\"hmac-sha256\","
	    "\"length\":91,\"mapping\":3,\"reason\":null,\"notes\":[],"
	    "\"address\":\"" HEX_1 "\",\"delivery\":\"" HEX_2 "\","
	    "\"eventId\":\"01K7\",\"event\":\"" HEX_3 "\","
	    "\"tenant\":\"default\",\"org\":\"de\\\"fault\",\"project\":null}");
	entry.keyed = false;
	entry.number = ENTRY_NUMBER_MAX;
	entry.scheme = NULL;
	entry.address = NULL;
	entry.length = 0;
	entry.notes = 7;
	entry.project = "";
	check_text("one that is unsigned, unkeyed, without address", &entry,
	    "{\"v\":1,\"number\":9007199254740991,\"writer\":null,"
	    "\"turn\":null,\"kind\":\"delivery\",\"received\":1760000000000,"
	    "\"source\":\"agentgate\",\"scheme\":null,"
	    "\"length\":0,\"mapping\":3,\"reason\":null,"
	    "\"notes\":[\"id-reused\",\"time-moved\",\"session-kept\"],"
	    "\"address\":null,\"delivery\":\"" HEX_2 "\","
	    "\"eventId\":\"01K7\",\"event\":\"" HEX_3 "\","
	    "\"tenant\":\"default\",\"org\":\"de\\\"fault\",\"project\":\"\"}");
	entry = base(ENTRY_REFUSED);
	entry.reason = "unknown-event";
	entry.tenant = entry.org = NULL;
	check_text("a refused one", &entry, HEAD("12", "refused")
	    "\"source\":\"agentgate\",\"scheme\":\"hmac-sha256\","
	    "\"length\":91,\"mapping\":3,\"reason\":\"unknown-event\","
	    "\"notes\":[],\"address\":\"" HEX_1 "\",\"delivery\":\"" HEX_2
	    "\",\"eventId\":null,\"event\":null,\"tenant\":null,"
	    "\"org\":null,\"project\":null}");
	entry = base(ENTRY_ACCEPTED);
	entry.delivery = NULL;
	entry.address = NULL;
	check_text("an accepted one", &entry, HEAD("12", "accepted")
	    "\"of\":4,\"mapping\":3,\"notes\":[],\"address\":null,"
	    "\"delivery\":null,\"eventId\":\"01K7\",\"event\":\"" HEX_3
	    "\",\"tenant\":\"default\",\"org\":\"de\\\"fault\","
	    "\"project\":null}");
}

static void
check_acts(void)
{
	struct entry entry = base(ENTRY_PRUNE);

	check_text("a prune", &entry, HEAD("12", "prune")
	    "\"what\":\"bodies\",\"before\":9,\"count\":2,\"numbers\":\""
	    HEX_1 "\"}");
	entry.before = -1;
	check_text("a prune of all", &entry, HEAD("12", "prune")
	    "\"what\":\"bodies\",\"before\":null,\"count\":2,\"numbers\":\""
	    HEX_1 "\"}");
	entry = base(ENTRY_ERASE);
	check_text("an erasure", &entry, HEAD("12", "erase")
	    "\"what\":\"bodies\",\"count\":2,\"numbers\":\"" HEX_1 "\"}");
	entry = base(ENTRY_TAKEOVER);
	check_text("a takeover", &entry, HEAD("12", "takeover")
	    "\"sessions\":5,\"events\":6,\"root\":\"" HEX_2 "\"}");
	entry = base(ENTRY_KEY_OPEN);
	check_text("a key opened", &entry, HEAD("12", "key-open")
	    "\"commit\":\"" HEX_3 "\",\"size\":11,\"root\":\"" HEX_2 "\"}");
	entry = base(ENTRY_KEY_CLOSE);
	check_text("a key closed", &entry, HEAD("12", "key-close")
	    "\"next\":\"0000000000000001\",\"commit\":\"" HEX_3 "\"}");
	entry = base(ENTRY_GAP);
	check_text("a gap", &entry, HEAD("12", "gap")
	    "\"why\":\"older\",\"lost\":[5,6]}");
	entry.lost_first = 0;
	check_text("a gap that lost nothing", &entry, HEAD("12", "gap")
	    "\"why\":\"older\",\"lost\":null}");
}

/* --- Values that are none ------------------------------------------------- */

static void
check_refused(const char *what, const struct entry *entry)
{
	struct text text = TEXT_EMPTY;

	text_puts(&text, "before");
	ok(entry_write(entry, &text) != 0 && !text.failed &&
	    strcmp(text.data, "before") == 0, "refused: %s", what);
	text_free(&text);
}

#define REFUSE(kind, change) do { \
	struct entry entry = base(kind); \
	change; \
	check_refused(#change, &entry); \
} while (0)

static void
check_values(void)
{
	static char code[ENTRY_CODE_MAX + 2];

	memset(code, 'a', sizeof(code) - 1);
	REFUSE(ENTRY_DELIVERY, entry.number = 0);
	REFUSE(ENTRY_DELIVERY, entry.number = INT64_MIN);
	REFUSE(ENTRY_DELIVERY, entry.number = ENTRY_NUMBER_MAX + 1);
	REFUSE(ENTRY_DELIVERY, entry.number = INT64_MAX);
	REFUSE(ENTRY_DELIVERY, entry.turn = 0);
	REFUSE(ENTRY_DELIVERY, entry.turn = INT64_MAX);
	REFUSE(ENTRY_DELIVERY, entry.received = -1);
	REFUSE(ENTRY_DELIVERY, entry.kind = ENTRY_KINDS);
	REFUSE(ENTRY_DELIVERY, entry.kind = (enum entry_kind)-1);
	REFUSE(ENTRY_DELIVERY, entry.source = NULL);
	REFUSE(ENTRY_DELIVERY, entry.source = "");
	REFUSE(ENTRY_DELIVERY, entry.source = "Agentgate");
	REFUSE(ENTRY_DELIVERY, entry.source = "a\"");
	REFUSE(ENTRY_DELIVERY, entry.source = "a ");
	REFUSE(ENTRY_DELIVERY, entry.source = code);
	REFUSE(ENTRY_DELIVERY, entry.scheme = "");
	REFUSE(ENTRY_DELIVERY, entry.length = -1);
	REFUSE(ENTRY_DELIVERY, entry.mapping = -1);
	REFUSE(ENTRY_DELIVERY, entry.notes = 1U << ENTRY_NOTES);
	REFUSE(ENTRY_DELIVERY, entry.notes = UINT32_MAX);
	REFUSE(ENTRY_DELIVERY, entry.delivery = NULL);
	REFUSE(ENTRY_DELIVERY, entry.event = NULL);
	REFUSE(ENTRY_DELIVERY, entry.event_id = NULL);
	REFUSE(ENTRY_DELIVERY, entry.event_id = "\xff");
	REFUSE(ENTRY_DELIVERY, entry.tenant = NULL);
	REFUSE(ENTRY_DELIVERY, entry.tenant = "\xed\xa0\x80");
	REFUSE(ENTRY_DELIVERY, entry.project = "\xc0\x80");
	REFUSE(ENTRY_REFUSED, entry.reason = NULL);
	REFUSE(ENTRY_REFUSED, entry.reason = "unknown-event: x");
	REFUSE(ENTRY_ACCEPTED, entry.of = 0);
	REFUSE(ENTRY_PRUNE, entry.count = -1);
	REFUSE(ENTRY_PRUNE, entry.numbers = NULL);
	REFUSE(ENTRY_KEY_OPEN, entry.root = NULL);
	REFUSE(ENTRY_KEY_OPEN, entry.size = -1);
	REFUSE(ENTRY_GAP, entry.lost_first = -1);
	REFUSE(ENTRY_GAP, entry.lost_last = 4);
	REFUSE(ENTRY_GAP, entry.lost_last = INT64_MAX);
}

static const char *const bad_texts[] = {
	"", "{}", "null", "[]", "{\"v\":1}", "\xff",
	HEAD("12", "gap") "\"why\":\"older\",\"lost\":null} ",
	HEAD("12", "gap") "\"why\":\"older\",\"lost\":null,\"more\":1}",
	HEAD("12", "gap") "\"lost\":null,\"why\":\"older\"}",
	HEAD("12", "gap") "\"why\":\"older\"}",
	HEAD("12", "gap") "\"why\":\"older\",\"lost\":[5]}",
	HEAD("12", "gap") "\"why\":\"older\",\"lost\":[6,5]}",
	HEAD("12", "gap") "\"why\":\"older\",\"lost\":[0,5]}",
	HEAD("12", "gap") "\"why\":\"older\",\"lost\":[5,6,7]}",
	HEAD("12", "gap") "\"why\":\"o\\u006cder\",\"lost\":null}",
	HEAD("12", "gap") "\"why\":\"a\\u0000\",\"lost\":null}",
	HEAD("012", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("12.0", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("12.5", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("1e1", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("-1", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("\"12\"", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("9007199254740993", "gap") "\"why\":\"older\",\"lost\":null}",
	HEAD("12", "hole") "\"why\":\"older\",\"lost\":null}",
	HEAD("12", "takeover") "\"sessions\":5,\"events\":6,\"root\":\"02\"}",
	HEAD("12", "takeover") "\"sessions\":5,\"events\":6,\"root\":null}",
	HEAD("12", "erase") "\"what\":\"a\",\"count\":2,\"numbers\":\"" HEX_1
	    "00\"}",
};

static void
check_reading(void)
{
	struct entry entry;
	struct entry_storage storage;

	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		ok(entry_read(bad_texts[i], strlen(bad_texts[i]), &entry,
		    &storage) != 0, "text %zu is none", i);
		entry_storage_free(&storage);
	}
}

/* --- Commitments ---------------------------------------------------------- */

static void
check_commitments(void)
{
	static const unsigned char salt[ENTRY_SALT_BYTES] = "0123456789abcdef";
	const struct entry_header headers[] = {
		{ "X-Signature-Time", "17" }, { "X-Name", "caf\xe9 \"\xc3\xa9" },
	};
	struct entry_delivery delivery = { .body = one };
	struct text text = TEXT_EMPTY;
	unsigned char hash[DIGEST_BYTES], expected[DIGEST_BYTES];
	const struct iovec parts[] = {
		{ (void *)"agentlens address v1\0" "0123456789abcdef127.0.0.1",
		    21 + 16 + 9 },
	};

	digest_sha256(parts, 1, expected);
	ok(entry_commit(ENTRY_PART_ADDRESS, salt, "127.0.0.1", 9, hash) == 0 &&
	    memcmp(hash, expected, sizeof(hash)) == 0,
	    "a commitment is label, zero, salt and data");
	entry_commit(ENTRY_PART_EVENT, salt, "127.0.0.1", 9, hash);
	ok(memcmp(hash, expected, sizeof(hash)) != 0,
	    "another part has another one");

	ok(entry_write_delivery(&delivery, &text) == 0 &&
	    strcmp(text_string(&text), "{\"body\":\"" HEX_1 "\",\"keyId\":null,"
	    "\"signature\":null,\"headers\":[],\"idempotencyKey\":null}") == 0,
	    "an unsigned delivery's data");
	text_truncate(&text, 0);
	delivery = (struct entry_delivery){ one, "0a1b2c3d", two, 20, headers,
		2, three };
	entry_write_delivery(&delivery, &text);
	ok(strcmp(text_string(&text), "{\"body\":\"" HEX_1
	    "\",\"keyId\":\"0a1b2c3d\",\"signature\":"
	    "\"0202020202020202020202020202020202020202\",\"headers\":"
	    "[[\"X-Signature-Time\",\"17\"],[\"X-Name\",\"caf\xc3\xa9 \\\""
	    "\xc3\x83\xc2\xa9\"]],\"idempotencyKey\":\"" HEX_3 "\"}") == 0,
	    "a signed one's, bytes as characters");
	text_truncate(&text, 0);
	const struct entry_header odd = { "X-\xff", "" };
	const struct entry_delivery refused[] = {
		{ .body = one, .headers = &odd, .headers_count = 1 },
		{ .body = one, .key_id = "0A" }, { .body = one, .key_id = "" },
	};
	for (int i = 0; i < 3; i++)
		ok(entry_write_delivery(&refused[i], &text) != 0 &&
		    text.len == 0, "a delivery's data %d is none", i);
	ok(entry_write_session("t", "s\"", 3, HEX_1, &text) == 0 &&
	    strcmp(text_string(&text), "[\"t\",\"s\\\"\",3,\"" HEX_1 "\"]") ==
	    0 && entry_write_session("\xff", "s", 3, HEX_1, &text) != 0 &&
	    entry_write_session("t", "s", -3, HEX_1, &text) != 0,
	    "a taken-over session's");
	text_free(&text);
}

static void
check_numbers(void)
{
	struct digest_stream *stream = digest_stream_open();
	unsigned char hash[DIGEST_BYTES], expected[DIGEST_BYTES];
	const struct iovec part = {
		(void *)"\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1\2", 16
	};

	entry_numbers_add(stream, 1);
	entry_numbers_add(stream, 258);
	digest_stream_close(stream, hash);
	digest_sha256(&part, 1, expected);
	ok(memcmp(hash, expected, sizeof(hash)) == 0,
	    "numbers are eight bytes each");
	digest_stream_close(NULL, hash);
	digest_stream_close(digest_stream_open(), NULL);
}

static void
check_kinds(void)
{
	bool same = true;

	for (enum entry_kind kind = 0; kind < ENTRY_KINDS; kind++)
		same &= entry_kind_find(entry_kind_name(kind)) == kind;
	for (int note = 0; note < ENTRY_NOTES; note++)
		same &= entry_note_name((enum entry_note)note) != NULL;
	ok(same && entry_kind_find("hole") == ENTRY_KINDS,
	    "each kind and note has a name of its own");
}

int
main(void)
{
	memset(one, 1, sizeof(one));
	memset(two, 2, sizeof(two));
	memset(three, 3, sizeof(three));
	if (digest_init() != 0)
		return 1;
	check_kinds();
	check_deliveries();
	check_acts();
	check_values();
	check_reading();
	check_commitments();
	check_numbers();
	return tap_end();
}
