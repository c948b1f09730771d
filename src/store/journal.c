#include "store/journal.h"

#include <string.h>
#include <sys/random.h>

#include "base/base64.h"
#include "base/hex.h"

#define LABEL_BEGIN "agentlens journal begin v1\n"
#define LABEL_LINK "agentlens journal link v1\n"
#define LABEL_OPEN "agentlens journal open v1\n"
#define LABEL_NEXT "agentlens journal next v1\n"
#define LABEL_KEY "agentlens journal key v1\n"
#define LABEL_END "agentlens journal end v1\n"
#define LABEL_RECORD "agentlens journal record v1\n"

#define KEY_PREFIX "agentlens-journal+"
#define MARK_PREFIX "agentlens-journal-end+"
#define CHECK_BYTES 4

/* --- Links and keys ------------------------------------------------------- */

/* SHA-256 of a label and at most two blocks more. */
static int
hash(const char *label, const void *a, size_t a_len, const void *b,
    size_t b_len, unsigned char out[DIGEST_BYTES])
{
	const struct iovec parts[] = {
		{ (void *)label, strlen(label) },
		{ (void *)a, a_len }, { (void *)b, b_len },
	};
	unsigned char digest[DIGEST_BYTES];

	if (digest_sha256(parts, b == NULL ? 2 : 3, digest) != 0)
		return -1;
	memcpy(out, digest, DIGEST_BYTES);
	return 0;
}

/* The mac of a label and at most two digests; `out` may be the key. */
static int
mac(const unsigned char key[JOURNAL_KEY_BYTES], const char *label,
    const unsigned char *a, const unsigned char *b,
    unsigned char out[DIGEST_BYTES])
{
	unsigned char data[32 + 2 * DIGEST_BYTES], digest[DIGEST_BYTES];
	unsigned char *end = mempcpy(data, label, strlen(label));

	if (a != NULL)
		end = mempcpy(end, a, DIGEST_BYTES);
	if (b != NULL)
		end = mempcpy(end, b, DIGEST_BYTES);
	int result = digest_hmac_sha256(key, JOURNAL_KEY_BYTES, data,
	    (size_t)(end - data), digest);
	if (result == 0)
		memcpy(out, digest, DIGEST_BYTES);
	explicit_bzero(digest, sizeof(digest));
	return result;
}

int
journal_link_begin(const unsigned char id[JOURNAL_ID_BYTES],
    unsigned char link[DIGEST_BYTES])
{
	return hash(LABEL_BEGIN, id, JOURNAL_ID_BYTES, NULL, 0, link);
}

int
journal_link(const struct journal_key *key,
    const unsigned char previous[DIGEST_BYTES],
    const unsigned char leaf[DIGEST_BYTES], unsigned char link[DIGEST_BYTES])
{
	return key != NULL ?
	    mac(key->bytes, LABEL_LINK, previous, leaf, link) :
	    hash(LABEL_OPEN, previous, DIGEST_BYTES, leaf, DIGEST_BYTES, link);
}

int
journal_key_step(struct journal_key *key)
{
	if (mac(key->bytes, LABEL_NEXT, NULL, NULL, key->bytes) != 0)
		return -1;
	key->turn++;
	return 0;
}

int
journal_key_commit(const unsigned char first[JOURNAL_KEY_BYTES],
    unsigned char commit[DIGEST_BYTES], uint64_t *writer)
{
	int result = mac(first, LABEL_KEY, NULL, NULL, commit);

	*writer = journal_writer(commit);
	return result;
}

static uint64_t
get_u64(const unsigned char *bytes)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

uint64_t
journal_writer(const unsigned char commit[DIGEST_BYTES])
{
	return get_u64(commit);
}

int
journal_key_generate(struct journal_key *key)
{
	unsigned char commit[DIGEST_BYTES];

	key->turn = 1;
	if (getrandom(key->bytes, sizeof(key->bytes), 0) !=
	    (ssize_t)sizeof(key->bytes))
		return -1;
	return journal_key_commit(key->bytes, commit, &key->writer);
}

int
journal_end_mark(const struct journal_key *key,
    const unsigned char link[DIGEST_BYTES], unsigned char mark[DIGEST_BYTES])
{
	return mac(key->bytes, LABEL_END, link, NULL, mark);
}

int
journal_append(struct journal *journal,
    const unsigned char leaf[DIGEST_BYTES], unsigned char link[DIGEST_BYTES])
{
	if (journal_link(journal->keyed ? &journal->key : NULL, journal->link,
	    leaf, journal->link) != 0 ||
	    (journal->keyed && journal_key_step(&journal->key) != 0))
		return -1;
	journal->number++;
	memcpy(link, journal->link, DIGEST_BYTES);
	return 0;
}

/* --- The key as text ------------------------------------------------------ */

/* Appends base 64 of the secret and the beginning of its SHA-256. */
static void
write_checked(struct text *out, const unsigned char bytes[DIGEST_BYTES])
{
	unsigned char both[2 * DIGEST_BYTES];

	memcpy(both, bytes, DIGEST_BYTES);
	if (hash("", bytes, DIGEST_BYTES, NULL, 0, both + DIGEST_BYTES) != 0)
		out->failed = true;
	base64_write(out, both, DIGEST_BYTES + CHECK_BYTES);
	explicit_bzero(both, sizeof(both));
}

static int
read_checked(const char *text, size_t len, unsigned char bytes[DIGEST_BYTES])
{
	unsigned char both[DIGEST_BYTES + CHECK_BYTES], digest[DIGEST_BYTES];
	int result = -1;

	if (base64_read_exactly(text, len, both, sizeof(both)) == 0 &&
	    hash("", both, DIGEST_BYTES, NULL, 0, digest) == 0 &&
	    memcmp(both + DIGEST_BYTES, digest, CHECK_BYTES) == 0) {
		memcpy(bytes, both, DIGEST_BYTES);
		result = 0;
	}
	explicit_bzero(both, sizeof(both));
	return result;
}

/* What is left of such a text. */
struct fields {
	const char *at;
	const char *end;
};

/* The next field up to its "+", which is skipped.  Returns its length, or 0
 * when there is none. */
static size_t
next_field(struct fields *fields, const char **field)
{
	const char *plus = memchr(fields->at, '+',
	    (size_t)(fields->end - fields->at));

	if (plus == NULL)
		return 0;
	size_t len = (size_t)(plus - fields->at);
	*field = fields->at;
	fields->at = plus + 1;
	return len;
}

static int
next_writer(struct fields *fields, uint64_t *writer)
{
	unsigned char bytes[ENTRY_WRITER_DIGITS / 2];
	const char *field = NULL;
	size_t len = next_field(fields, &field);

	if (hex_read_exactly(field, len, bytes, sizeof(bytes)) != 0)
		return -1;
	*writer = get_u64(bytes);
	return 0;
}

static int
next_number(struct fields *fields, int64_t least, int64_t *number)
{
	const char *field = NULL;
	size_t len = next_field(fields, &field);

	return text_read_number(field, len, ENTRY_NUMBER_MAX, number) == 0 &&
	    *number >= least ? 0 : -1;
}

static int
begin_fields(struct fields *fields, const char *text, size_t len,
    const char *prefix)
{
	size_t skip = strlen(prefix);

	if (len < skip || memcmp(text, prefix, skip) != 0)
		return -1;
	*fields = (struct fields){ text + skip, text + len };
	return 0;
}

static size_t
left(const struct fields *fields)
{
	return (size_t)(fields->end - fields->at);
}

int
journal_key_read(struct journal_key *key, const char *text, size_t len)
{
	unsigned char commit[DIGEST_BYTES];
	struct fields fields;
	uint64_t writer;

	if (begin_fields(&fields, text, len, KEY_PREFIX) != 0 ||
	    next_writer(&fields, &key->writer) != 0 ||
	    next_number(&fields, 1, &key->turn) != 0 ||
	    read_checked(fields.at, left(&fields), key->bytes) != 0)
		return -1;
	if (key->turn != 1)
		return 0;
	return journal_key_commit(key->bytes, commit, &writer) == 0 &&
	    writer == key->writer ? 0 : -1;
}

void
journal_key_write(struct text *out, const struct journal_key *key)
{
	text_printf(out, KEY_PREFIX "%016llx+%lld+",
	    (unsigned long long)key->writer, (long long)key->turn);
	write_checked(out, key->bytes);
}

int
journal_mark_read(struct journal_mark *mark, const char *text, size_t len)
{
	struct fields fields;

	return begin_fields(&fields, text, len, MARK_PREFIX) == 0 &&
	    next_writer(&fields, &mark->writer) == 0 &&
	    next_number(&fields, 1, &mark->turn) == 0 &&
	    next_number(&fields, 0, &mark->number) == 0 ?
	    read_checked(fields.at, left(&fields), mark->mark) : -1;
}

void
journal_mark_write(struct text *out, const struct journal_mark *mark)
{
	text_printf(out, MARK_PREFIX "%016llx+%lld+%lld+",
	    (unsigned long long)mark->writer, (long long)mark->turn,
	    (long long)mark->number);
	write_checked(out, mark->mark);
}

/* --- The key record ------------------------------------------------------- */

static const unsigned char magic[8] = "ALJKEY1\n";

enum {
	AT_ID = 8,
	AT_WRITER = 24,
	AT_TURN = 32,
	AT_NUMBER = 40,
	AT_LINK = 48,
	AT_KEY = 80,
	AT_ZERO = 112,
	AT_CHECK = 128
};

static void
put_u64(unsigned char *bytes, uint64_t number)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> (56 - 8 * i));
}

int
journal_record_write(const struct journal *journal,
    unsigned char record[JOURNAL_RECORD_BYTES])
{
	memset(record, 0, JOURNAL_RECORD_BYTES);
	memcpy(record, magic, sizeof(magic));
	memcpy(record + AT_ID, journal->id, JOURNAL_ID_BYTES);
	put_u64(record + AT_WRITER, journal->key.writer);
	put_u64(record + AT_TURN, (uint64_t)journal->key.turn);
	put_u64(record + AT_NUMBER, (uint64_t)journal->number);
	memcpy(record + AT_LINK, journal->link, DIGEST_BYTES);
	memcpy(record + AT_KEY, journal->key.bytes, JOURNAL_KEY_BYTES);
	return hash(LABEL_RECORD, record, AT_CHECK, NULL, 0,
	    record + AT_CHECK);
}

int
journal_record_read(struct journal *journal,
    const unsigned char record[JOURNAL_RECORD_BYTES])
{
	static const unsigned char zeros[AT_CHECK - AT_ZERO];
	unsigned char check[DIGEST_BYTES];
	uint64_t turn = get_u64(record + AT_TURN);
	uint64_t number = get_u64(record + AT_NUMBER);

	if (hash(LABEL_RECORD, record, AT_CHECK, NULL, 0, check) != 0 ||
	    memcmp(check, record + AT_CHECK, sizeof(check)) != 0 ||
	    memcmp(record, magic, sizeof(magic)) != 0 ||
	    memcmp(record + AT_ZERO, zeros, sizeof(zeros)) != 0 ||
	    turn < 1 || turn > ENTRY_NUMBER_MAX || number > ENTRY_NUMBER_MAX)
		return -1;
	memcpy(journal->id, record + AT_ID, JOURNAL_ID_BYTES);
	memcpy(journal->link, record + AT_LINK, DIGEST_BYTES);
	journal->number = (int64_t)number;
	journal->keyed = true;
	journal->key.writer = get_u64(record + AT_WRITER);
	journal->key.turn = (int64_t)turn;
	memcpy(journal->key.bytes, record + AT_KEY, JOURNAL_KEY_BYTES);
	return 0;
}

/* --- Where record and file part ------------------------------------------- */

static const char *const state_names[] = {
	[JOURNAL_IN_STEP] = "none",
	[JOURNAL_OLDER] = "older",
	[JOURNAL_BRANCH] = "branch",
	[JOURNAL_RECORD] = "record",
	[JOURNAL_FOREIGN] = "foreign",
};

const char *
journal_state_name(enum journal_state state)
{
	return state_names[state];
}

enum journal_state
journal_compare(const struct journal *record, const struct journal_view *view)
{
	if (record->number > view->last)
		return JOURNAL_OLDER;
	if (!view->has_row ||
	    memcmp(record->link, view->row_link, DIGEST_BYTES) != 0)
		return JOURNAL_BRANCH;
	return view->row_turn == record->key.turn - 1 ? JOURNAL_IN_STEP :
	    JOURNAL_RECORD;
}

enum journal_adoption
journal_adopt(struct journal *journal, const struct journal_row *row)
{
	const struct journal_key *key = row->keyed ? &journal->key : NULL;
	unsigned char link[DIGEST_BYTES];

	if (row->number != journal->number + 1 ||
	    (row->keyed && (row->writer != journal->key.writer ||
	    row->turn != journal->key.turn)))
		return JOURNAL_STRANGE;
	if (journal_link(key, journal->link, row->leaf, link) != 0)
		return JOURNAL_FAILED;
	if (!digest_equal(link, row->link))
		return JOURNAL_STRANGE;
	memcpy(journal->link, link, DIGEST_BYTES);
	journal->number++;
	if (row->keyed && journal_key_step(&journal->key) != 0)
		return JOURNAL_FAILED;
	return row->keyed && row->kind == ENTRY_KEY_CLOSE ? JOURNAL_CLOSED :
	    JOURNAL_ADOPTED;
}

void
journal_gap(struct journal *journal, const struct journal_view *view,
    enum journal_state state, struct entry *gap)
{
	int64_t turn = journal->key.turn;

	journal->number = view->last;
	memcpy(journal->link, view->last_link, DIGEST_BYTES);
	gap->kind = ENTRY_GAP;
	gap->why = state_names[state];
	gap->lost_first = gap->lost_last = 0;
	/* Of a foreign row the key says nothing; up to it all is there. */
	if (state == JOURNAL_FOREIGN || view->last_turn < 0 ||
	    view->last_turn >= turn - 1)
		return;
	gap->lost_first = view->last_turn + 1;
	gap->lost_last = turn - 1;
}
