/* The reader and the writer of JSON.  What was written once is written the
 * same for ever after. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "base/text.h"

/* Reads `text`, which we wrote ourselves, and writes it again. */
static void
require_fixed(const struct text *text)
{
	struct text again = TEXT_EMPTY;
	struct json_object *value;
	struct json_error error;

	fuzz_require(json_read(text->data, text->len, &value, &error) == 0);
	json_write(&again, value);
	fuzz_require(!again.failed && again.len == text->len);
	fuzz_require(memcmp(again.data, text->data, text->len) == 0);
	json_object_put(value);
	text_free(&again);
}

static void
run(const unsigned char *data, size_t size)
{
	char *copy = fuzz_copy(data, size);
	struct text written = TEXT_EMPTY;
	struct json_object *value;
	struct json_error error = { .reason = NULL };

	if (json_read(copy, size, &value, &error) == 0) {
		json_write(&written, value);
		fuzz_require(!written.failed && written.len > 0);
		fuzz_require(strlen(written.data) == written.len);
		require_fixed(&written);
		fuzz_tell("written", written.data, written.len);
	} else {
		fuzz_require(value == NULL && error.offset <= size);
		fuzz_require(error.reason != NULL);
		fuzz_tell("refused", error.reason, strlen(error.reason));
	}
	json_object_put(value);
	text_free(&written);
	free(copy);
}

const struct fuzz_target fuzz_json = { .name = "json", .run = run };
