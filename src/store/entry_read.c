#include "store/entry_read.h"

#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "store/entry_format.h"

/* Each value is read leniently: what it leaves out, the comparison with what
 * would be written finds. */

static int
read_number(struct json_object *value, int64_t *number)
{
	double d;

	if (!json_is_number(value))
		return -1;
	d = json_object_get_double(value);
	if (!(d >= 0 && d <= (double)ENTRY_NUMBER_MAX))
		return -1;
	*number = (int64_t)d;
	return 0;
}

/* A string without a NUL; json-c's own. */
static int
read_string(struct json_object *value, const char **string)
{
	if (!json_is_string(value))
		return -1;
	*string = json_object_get_string(value);
	return strlen(*string) == (size_t)json_object_get_string_len(value) ?
	    0 : -1;
}

static int
read_hex(struct json_object *value, unsigned char *bytes, size_t size)
{
	const char *hex;

	return read_string(value, &hex) != 0 ? -1 :
	    hex_read_exactly(hex, strlen(hex), bytes, size);
}

static int
read_hash(struct json_object *value, struct entry_storage *storage,
    const unsigned char **hash)
{
	if (storage->hashes_count == ENTRY_HASHES_MAX ||
	    read_hex(value, storage->hashes[storage->hashes_count],
	    DIGEST_BYTES) != 0)
		return -1;
	*hash = storage->hashes[storage->hashes_count++];
	return 0;
}

static int
read_writer(struct json_object *value, uint64_t *writer)
{
	unsigned char bytes[8];

	if (read_hex(value, bytes, sizeof(bytes)) != 0)
		return -1;
	*writer = 0;
	for (int i = 0; i < 8; i++)
		*writer = *writer << 8 | bytes[i];
	return 0;
}

static int
read_notes(struct json_object *value, unsigned *notes)
{
	if (!json_object_is_type(value, json_type_array))
		return -1;
	*notes = 0;
	for (size_t i = 0; i < json_object_array_length(value); i++) {
		const char *name;
		int note = 0;
		if (read_string(json_object_array_get_idx(value, i), &name)
		    != 0)
			return -1;
		while (note < ENTRY_NOTES &&
		    strcmp(entry_note_name((enum entry_note)note), name) != 0)
			note++;
		if (note == ENTRY_NOTES)
			return -1;
		*notes |= 1U << note;
	}
	return 0;
}

static int
read_lost(struct json_object *value, int64_t lost[2])
{
	if (!json_object_is_type(value, json_type_array) ||
	    json_object_array_length(value) != 2)
		return -1;
	return read_number(json_object_array_get_idx(value, 0), &lost[0]) |
	    read_number(json_object_array_get_idx(value, 1), &lost[1]);
}

static int
read_field(struct json_object *value, enum entry_field_type type, void *at,
    struct entry_storage *storage)
{
	switch (type) {
	case FIELD_NUMBER:
	case FIELD_NUMBER_1:
	case FIELD_TIME:
		return read_number(value, at);
	case FIELD_CODE:
	case FIELD_CODE_0:
	case FIELD_STRING:
	case FIELD_STRING_0:
		return read_string(value, at);
	case FIELD_HASH:
	case FIELD_HASH_0:
		return read_hash(value, storage, at);
	case FIELD_WRITER:
		return read_writer(value, at);
	case FIELD_NOTES:
		return read_notes(value, at);
	case FIELD_LOST:
		return read_lost(value, at);
	case FIELD_NULL:
		break;
	}
	return -1;
}

static int
read_head(struct json_object *json, struct entry *entry)
{
	struct json_object *writer = json_get(json, "writer");
	const char *kind = json_get_string(json, "kind");

	entry->kind = kind == NULL ? ENTRY_KINDS : entry_kind_find(kind);
	entry->keyed = writer != NULL;
	if (entry->kind == ENTRY_KINDS ||
	    read_number(json_get(json, "number"), &entry->number) != 0 ||
	    read_number(json_get(json, "received"), &entry->received) != 0)
		return -1;
	return !entry->keyed ? 0 : read_writer(writer, &entry->writer) |
	    read_number(json_get(json, "turn"), &entry->turn);
}

static int
read_fields(struct json_object *json, struct entry *entry,
    struct entry_storage *storage)
{
	const struct entry_field *field = entry_formats[entry->kind].fields;

	for (; field->name != NULL; field++) {
		struct json_object *value = json_get(json, field->name);
		if (value != NULL && read_field(value, field->type,
		    (char *)entry + field->offset, storage) != 0)
			return -1;
	}
	return 0;
}

int
entry_read(const char *text, size_t len, struct entry *entry,
    struct entry_storage *storage)
{
	struct text written = TEXT_EMPTY, copy = TEXT_EMPTY;
	struct json_error error;
	int result = -1;

	*entry = (struct entry){ .before = -1 };
	*storage = (struct entry_storage){ 0 };
	/* The reader of JSON wants a NUL behind its text. */
	text_add(&copy, text, len);
	if (!copy.failed && len > 0 &&
	    json_read(copy.data, len, &storage->json, &error) == 0 &&
	    json_is_object(storage->json) &&
	    read_head(storage->json, entry) == 0 &&
	    read_fields(storage->json, entry, storage) == 0 &&
	    entry_write(entry, &written) == 0 && written.len == len &&
	    memcmp(written.data, text, len) == 0)
		result = 0;
	text_free(&written);
	text_free(&copy);
	return result;
}

void
entry_storage_free(struct entry_storage *storage)
{
	json_object_put(storage->json);
	storage->json = NULL;
}
