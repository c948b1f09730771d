/* base/note.c: notes that another implementation made, and hostile ones. */
#include "base/note.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "tap.h"

#define SECRET "PRIVATE+KEY+log.example/agents+dd0cf06b+" \
	"AQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
#define PUBLIC "log.example/agents+dd0cf06b+" \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define WITNESS "witness.example/w1+20324abe+" \
	"BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define DASH "\xe2\x80\x94 "
#define TEXT "log.example/agents\n42\n" \
	"SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
#define LOG_LINE DASH "log.example/agents 3QzwawE+CObDrSg8hiWa0nAr5VGkOo9t" \
	"5e9fE5RA6QF3izZ8ORdsdnaPdHH3aETdtYd37FGpefyXLBlSRKWDBrwBcgU=\n"
#define WITNESS_LINE DASH "witness.example/w1 IDJKvgAAAABo53gA1984ExhxAm1W" \
	"cL3hLRaP2LZe6IcgI/syGc6XiIx8JNp4h7iAzl+/NdwwW5sVzSVlIZ8S5vWK4oBe" \
	"viGbk359DA==\n"
#define UNKNOWN_LINE DASH "elsewhere.example AAAAAAE=\n"

static struct note_key keys[2];
static struct note note;

static enum note_error
open_text(const char *text, size_t count)
{
	return note_open(&note, text, strlen(text), keys, count);
}

/* --- Keys ----------------------------------------------------------------- */

static const char *const bad_keys[] = {
	"", "+", "++", "a", "a+dd0cf06b", "a+dd0cf06b+", PUBLIC "=", PUBLIC "\n",
	" " PUBLIC, "PRIVATE+KEY+" PUBLIC,
	/* another name, id, type; upper case; a key that is too short */
	"log.example/agent+dd0cf06b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	"log.example/agents+dd0cf06c+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	"log.example/agents+dd0cf06b+AgOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	"log.example/agents+DD0CF06B+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	"log.example/agents+dd0cf06b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTE=",
	"log.example/agents+dd0cf06b+AQOhB7/zzhC-HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	"log.example/agents+0dd0cf06b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4",
	/* the point of order one, under its right id */
	"log.example/agents+7e34db24+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
};

static void
check_keys(void)
{
	struct note_key key;
	struct note_signer signer, made;
	struct text text = TEXT_EMPTY;

	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++)
		ok(note_key_read(&key, bad_keys[i], strlen(bad_keys[i])) != 0,
		    "key %zu is refused", i);
	ok(note_signer_read(&signer, SECRET, strlen(SECRET)) == 0 &&
	    note_key_equal(&signer.key, &keys[0]), "the private key is read");
	note_signer_write(&text, &signer);
	ok(strcmp(text_string(&text), SECRET) == 0, "and written");
	text_truncate(&text, 0);
	note_key_write(&text, &keys[1]);
	ok(strcmp(text_string(&text), WITNESS) == 0,
	    "a public key is written as it was");
	ok(note_signer_read(&signer, "PRIVATE+KEY+log.example/agents+dd0cf06b+"
	    "BAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f", 84) != 0,
	    "a private key of a witness is none of ours");
	ok(note_signer_read(&signer, SECRET, strlen(SECRET) - 1) != 0 &&
	    note_signer_read(&signer, PUBLIC, strlen(PUBLIC)) != 0 &&
	    note_signer_read(&signer, "PRIVATE+KEY+", 12) != 0,
	    "what is no private key is refused");
	text_truncate(&text, 0);
	ok(note_signer_generate(&made, "my log") != 0 &&
	    note_signer_generate(&made, "a+b") != 0 &&
	    note_signer_generate(&made, "") != 0 &&
	    note_signer_generate(&made, "a\xe3\x80\x80") != 0 &&
	    note_signer_generate(&made, "a\xff") != 0, "names are checked");
	ok(note_signer_generate(&made, "caf\xc3\xa9.example") == 0,
	    "a key is made");
	note_signer_write(&text, &made);
	ok(note_signer_read(&signer, text.data, text.len) == 0 &&
	    note_key_equal(&signer.key, &made.key), "and read again");
	text_free(&text);
}

static void
check_names(void)
{
	static char name[NOTE_NAME_MAX + 2];

	memset(name, 'x', sizeof(name));
	ok(note_is_name(name, NOTE_NAME_MAX) &&
	    !note_is_name(name, NOTE_NAME_MAX + 1) && !note_is_name("", 0) &&
	    !note_is_name("a\0b", 3) && !note_is_name("a\x7f", 2) &&
	    !note_is_name("a\xc2\xa0", 3), "what a name is");
}

/* --- Opening -------------------------------------------------------------- */

static void
check_good(void)
{
	ok(open_text(TEXT "\n" LOG_LINE, 1) == NOTE_OK && note.count == 1 &&
	    note.verified == 1 && note.lines[0].key == &keys[0] &&
	    note.text_len == strlen(TEXT) &&
	    memcmp(note.text, TEXT, note.text_len) == 0, "a signed note");
	ok(open_text(TEXT "\n" LOG_LINE WITNESS_LINE, 2) == NOTE_OK &&
	    note.verified == 2 && note.lines[1].key == &keys[1] &&
	    note.lines[1].time == 1760000000 &&
	    note_is_signed_by(&note, &keys[1]), "with a cosignature");
	ok(open_text(TEXT "\n" WITNESS_LINE LOG_LINE, 1) == NOTE_OK &&
	    note.verified == 1 && note.count == 2 &&
	    note.lines[0].key == NULL &&
	    !note_is_signed_by(&note, &keys[1]),
	    "a witness that is unknown is kept");
	ok(open_text(TEXT "\n" UNKNOWN_LINE, 2) == NOTE_UNKNOWN_KEYS &&
	    note.count == 1, "unknown keys only");
	ok(open_text(TEXT "\n" LOG_LINE LOG_LINE, 2) == NOTE_OK &&
	    note.verified == 2, "the same line twice");
}

static const struct {
	const char *what, *text;
	enum note_error error;
} notes[] = {
	{ "nothing", "", NOTE_MALFORMED },
	{ "a newline", "\n", NOTE_MALFORMED },
	{ "two newlines", "\n\n", NOTE_MALFORMED },
	{ "no signature", TEXT "\n", NOTE_MALFORMED },
	{ "no empty line", TEXT LOG_LINE, NOTE_MALFORMED },
	{ "no last newline", TEXT "\n" DASH "a AAAAAAE=", NOTE_MALFORMED },
	{ "CR", TEXT "\r\n" LOG_LINE, NOTE_MALFORMED },
	{ "a tab", TEXT "\t\n\n" LOG_LINE, NOTE_MALFORMED },
	{ "latin 1", "caf\xe9\n\n" LOG_LINE, NOTE_MALFORMED },
	{ "a hyphen for the dash", TEXT "\n- log.example/agents AAAAAAE=\n",
	    NOTE_MALFORMED },
	{ "no name", TEXT "\n" DASH " AAAAAAE=\n", NOTE_MALFORMED },
	{ "no signature after it", TEXT "\n" DASH "a\n", NOTE_MALFORMED },
	{ "an empty signature", TEXT "\n" DASH "a \n", NOTE_MALFORMED },
	{ "an id alone", TEXT "\n" DASH "a AAAAAA==\n", NOTE_MALFORMED },
	{ "two spaces", TEXT "\n" DASH "a  AAAAAAE=\n", NOTE_MALFORMED },
	{ "a space behind", TEXT "\n" DASH "a AAAAAAE= \n", NOTE_MALFORMED },
	{ "lax base 64", TEXT "\n" DASH "a AAAAAAF=\n", NOTE_MALFORMED },
	{ "a plus in a name", TEXT "\n" DASH "a+b AAAAAAE=\n",
	    NOTE_MALFORMED },
	{ "a line that is none, after a good one",
	    TEXT "\n" LOG_LINE "more\n", NOTE_MALFORMED },
	{ "another text", "x" TEXT "\n" LOG_LINE, NOTE_BAD_SIGNATURE },
	{ "a longer text", TEXT "\n\n" LOG_LINE, NOTE_BAD_SIGNATURE },
	{ "a known key's line too short", TEXT "\n" DASH
	    "log.example/agents 3Qzwaw==\n", NOTE_MALFORMED },
	{ "a known key's line with one byte", TEXT "\n" DASH
	    "log.example/agents 3QzwawE=\n", NOTE_BAD_SIGNATURE },
	{ "a good line, then a bad one of the same key",
	    TEXT "\n" LOG_LINE DASH "log.example/agents 3QzwawE=\n",
	    NOTE_BAD_SIGNATURE },
	{ "the same name, another id", TEXT "\n" DASH
	    "log.example/agents 3QzwbAE=\n", NOTE_UNKNOWN_KEYS },
	{ "a text of one empty line", "\n\n" UNKNOWN_LINE,
	    NOTE_UNKNOWN_KEYS },
};

/* Each character of the signature lines matters. */
static void
check_flips(void)
{
	static const char whole[] = TEXT "\n" LOG_LINE WITNESS_LINE;
	char changed[sizeof(whole)];
	int accepted = 0;

	for (size_t i = 0; i < sizeof(whole) - 1; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(changed, whole, sizeof(whole));
			changed[i] ^= (char)(1 << bit);
			/* With another name or id one of the two is unknown,
			 * and the other still good. */
			if (note_open(&note, changed, sizeof(whole) - 1, keys,
			    2) == NOTE_OK && note.verified == 2)
				accepted++;
		}
	ok(accepted == 0, "no bit of a note may change");
}

/* Parts of notes, each in a block of its own, for the sanitizers. */
static void
check_prefixes(void)
{
	static const char whole[] = TEXT "\n" LOG_LINE WITNESS_LINE;
	int accepted = 0;

	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *part = malloc(len + 1);
		memcpy(part, whole, len);
		accepted += note_open(&note, part, len, keys, 2) == NOTE_OK;
		free(part);
	}
	ok(accepted == 1, "of all prefixes the one with one line is good");
}

static void
check_limits(void)
{
	struct text text = TEXT_EMPTY;

	text_puts(&text, TEXT "\n");
	for (int i = 1; i < NOTE_LINES_MAX; i++)
		text_puts(&text, UNKNOWN_LINE);
	text_puts(&text, LOG_LINE);
	ok(note_open(&note, text.data, text.len, keys, 2) == NOTE_OK &&
	    note.count == NOTE_LINES_MAX, "100 lines are read");
	text_puts(&text, UNKNOWN_LINE);
	ok(note_open(&note, text.data, text.len, keys, 2) == NOTE_MALFORMED,
	    "and no more");
	text_truncate(&text, 0);
	while (text.len <= NOTE_BYTES_MAX)
		text_puts(&text, "0123456789abcdef0123456789abcdef\n");
	text_puts(&text, "\n" LOG_LINE);
	ok(note_open(&note, text.data, text.len, keys, 2) == NOTE_MALFORMED,
	    "a note of more than a megabyte is refused");
	text_truncate(&text, 0);
	text_puts(&text, "a\nb\0c\n");
	ok(note_open(&note, "a\0\n\n" UNKNOWN_LINE, 4 + strlen(UNKNOWN_LINE),
	    keys, 2) == NOTE_MALFORMED, "a NUL is refused");
	text_free(&text);
}

static void
check_sign(void)
{
	struct note_signer signer;
	struct text text = TEXT_EMPTY;

	note_signer_read(&signer, SECRET, strlen(SECRET));
	ok(note_sign(&text, TEXT, strlen(TEXT), &signer) == 0 &&
	    strcmp(text.data, TEXT "\n" LOG_LINE) == 0,
	    "we sign as the other implementation did");
	text_puts(&text, WITNESS_LINE);
	ok(note_open(&note, text.data, text.len, keys, 2) == NOTE_OK &&
	    note.verified == 2, "a line is added behind");
	size_t before = text.len;
	ok(note_sign(&text, "", 0, &signer) != 0 &&
	    note_sign(&text, "a", 1, &signer) != 0 &&
	    note_sign(&text, "a\t\n", 3, &signer) != 0 &&
	    note_sign(&text, "\xff\n", 2, &signer) != 0 &&
	    note_sign(&text, "a\0\n", 3, &signer) != 0 && text.len == before,
	    "what is no text of a note is not signed");
	text_free(&text);
}

int
main(void)
{
	if (digest_init() != 0)
		return 1;
	ok(note_key_read(&keys[0], PUBLIC, strlen(PUBLIC)) == 0 &&
	    note_key_read(&keys[1], WITNESS, strlen(WITNESS)) == 0 &&
	    keys[0].type == NOTE_ED25519 && keys[1].type == NOTE_COSIGNATURE,
	    "public keys are read");
	check_keys();
	check_names();
	check_good();
	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++)
		ok(open_text(notes[i].text, 2) == notes[i].error, "%s",
		    notes[i].what);
	check_flips();
	check_prefixes();
	check_limits();
	check_sign();
	return tap_end();
}
