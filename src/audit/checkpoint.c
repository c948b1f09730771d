#include "audit/checkpoint.h"

#include "audit/tlog_lines.h"
#include "store/entry.h"

void
checkpoint_write(struct text *out, const struct checkpoint *checkpoint)
{
	text_printf(out, "%s\n%lld\n", checkpoint->origin,
	    (long long)checkpoint->size);
	base64_write(out, checkpoint->root, DIGEST_BYTES);
	text_puts(out, "\n");
}

int
checkpoint_read(struct checkpoint *checkpoint, const char *text, size_t len)
{
	struct tlog_lines lines = { text, text + len };
	const char *line;
	size_t line_len;

	if (!tlog_next(&lines, &line, &line_len) ||
	    !note_is_name(line, line_len))
		return -1;
	memcpy(checkpoint->origin, line, line_len);
	checkpoint->origin[line_len] = '\0';
	if (!tlog_next(&lines, &line, &line_len) ||
	    text_read_number(line, line_len, ENTRY_NUMBER_MAX,
	    &checkpoint->size) != 0 ||
	    !tlog_next(&lines, &line, &line_len) ||
	    base64_read_exactly(line, line_len, checkpoint->root,
	    DIGEST_BYTES) != 0)
		return -1;
	while (tlog_next(&lines, &line, &line_len))
		if (line_len == 0)
			return -1;
	return lines.at == lines.end ? 0 : -1;
}

enum checkpoint_error
checkpoint_open(struct checkpoint *checkpoint, struct note *note,
    const char *bytes, size_t len, const struct note_key *keys, size_t count)
{
	switch (note_open(note, bytes, len, keys, count)) {
	case NOTE_OK:
		break;
	case NOTE_MALFORMED:
		return CHECKPOINT_MALFORMED;
	case NOTE_BAD_SIGNATURE:
		return CHECKPOINT_BAD_SIGNATURE;
	case NOTE_UNKNOWN_KEYS:
		return CHECKPOINT_NOT_SIGNED;
	case NOTE_FAILED:
		return CHECKPOINT_FAILED;
	}
	if (checkpoint_read(checkpoint, note->text, note->text_len) != 0)
		return CHECKPOINT_MALFORMED;
	if (!note_is_signed_by(note, &keys[0]))
		return CHECKPOINT_NOT_SIGNED;
	if (strcmp(checkpoint->origin, keys[0].name) != 0)
		return CHECKPOINT_OTHER_ORIGIN;
	for (size_t i = 1; i < count; i++)
		if (!note_is_signed_by(note, &keys[i]))
			return CHECKPOINT_NO_WITNESS;
	return CHECKPOINT_OK;
}

const char *
checkpoint_error_text(enum checkpoint_error error)
{
	static const char *const texts[] = {
		[CHECKPOINT_OK] = "it is good",
		[CHECKPOINT_MALFORMED] = "it is no signed checkpoint",
		[CHECKPOINT_BAD_SIGNATURE] =
		    "the signature of a key that is known is wrong",
		[CHECKPOINT_NOT_SIGNED] = "this key has not signed it",
		[CHECKPOINT_OTHER_ORIGIN] =
		    "it is the checkpoint of another journal",
		[CHECKPOINT_NO_WITNESS] =
		    "a witness that is required has not cosigned it",
		[CHECKPOINT_FAILED] = "it could not be checked",
	};

	return texts[error];
}
