/* base/base64.c: RFC 4648's vectors, and that nothing else is read. */
#include "base/base64.h"

#include <string.h>

#include "tap.h"

static const struct {
	const char *bytes;
	const char *text;
} vectors[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
	{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
	{ "foobar", "Zm9vYmFy" },
};

static const char *const refused[] = {
	"Z", "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "Z===", "Zg==Zg==",
	"Zg=g", "Z=g=", "Zh==", "Zm9=", "Zm8=\n", " Zg==", "Zg\n==", "Zm9v\n",
	"Zm-_", "Zg..", "Zm9v====", "\xc3\xa9Zg", "Zm9vZg",
};

static void
check_every_value(void)
{
	unsigned char bytes[5] = { 0 }, back[5];
	bool same = true;

	for (unsigned len = 0; len <= sizeof(bytes); len++)
		for (unsigned n = 0; n < 256 * 256; n += 7) {
			struct text text = TEXT_EMPTY;
			size_t got = 0;
			for (unsigned i = 0; i < len; i++)
				bytes[i] = (unsigned char)(n >> (i % 2 * 8));
			base64_write(&text, bytes, len);
			same &= text.len == BASE64_LEN(len) &&
			    base64_read(text_string(&text), text.len, back,
			    sizeof(back), &got) == 0 && got == len &&
			    memcmp(back, bytes, len) == 0;
			text_free(&text);
		}
	ok(same, "what is written is read as it was");
}

int
main(void)
{
	unsigned char bytes[16];
	size_t len;

	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct text text = TEXT_EMPTY;
		base64_write(&text, vectors[i].bytes, strlen(vectors[i].bytes));
		ok(strcmp(text_string(&text), vectors[i].text) == 0 &&
		    base64_read(vectors[i].text, strlen(vectors[i].text),
		    bytes, sizeof(bytes), &len) == 0 &&
		    len == strlen(vectors[i].bytes) &&
		    memcmp(bytes, vectors[i].bytes, len) == 0,
		    "RFC 4648: '%s'", vectors[i].bytes);
		text_free(&text);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ok(base64_read(refused[i], strlen(refused[i]), bytes,
		    sizeof(bytes), &len) != 0, "refused %zu", i);
	ok(base64_read("Zm\0v", 4, bytes, sizeof(bytes), &len) != 0,
	    "a NUL is refused");
	ok(base64_read("Zm9vYmFy", 8, bytes, 5, &len) != 0,
	    "more than there is room for is refused");
	ok(base64_read_exactly("Zm9v", 4, bytes, 3) == 0 &&
	    base64_read_exactly("Zm9v", 4, bytes, 4) != 0 &&
	    base64_read_exactly("Zm8=", 4, bytes, 3) != 0,
	    "a length that is asked for is held");
	check_every_value();
	return tap_end();
}
