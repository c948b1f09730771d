#include "base/ulid.h"

#include <string.h>
#include <sys/random.h>

#define TIME_LEN (ULID_TIME_SIZE - 1)

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool
ulid_is_valid(const char *text)
{
	return strlen(text) == ULID_LEN && text[0] <= '7' &&
	    strspn(text, alphabet) == ULID_LEN;
}

int64_t
ulid_time(const char *text)
{
	int64_t ms = 0;

	if (!ulid_is_valid(text))
		return -1;
	for (int i = 0; i < TIME_LEN; i++)
		ms = ms << 5 | (strchr(alphabet, text[i]) - alphabet);
	return ms;
}

static int
count_up(const char *after, char out[ULID_SIZE])
{
	if (out != after)
		memcpy(out, after, ULID_SIZE);
	for (int i = ULID_LEN - 1; i >= 0; i--) {
		const char *digit = strchr(alphabet, out[i]);
		if (digit == NULL)
			return -1;
		if (digit[1] != '\0') {
			out[i] = digit[1];
			return out[0] <= '7' ? 0 : -1;
		}
		out[i] = alphabet[0];
	}
	return -1;
}

void
ulid_begin(int64_t ms, char out[ULID_TIME_SIZE])
{
	for (int i = TIME_LEN - 1; i >= 0; i--, ms >>= 5)
		out[i] = alphabet[ms & 31];
	out[TIME_LEN] = '\0';
}

int
ulid_mint(int64_t ms, const char *after, char out[ULID_SIZE])
{
	char time[ULID_TIME_SIZE];
	unsigned char random[ULID_LEN - TIME_LEN];

	ulid_begin(ms, time);
	if (*after != '\0' && memcmp(time, after, TIME_LEN) <= 0)
		return count_up(after, out);

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -1;
	memcpy(out, time, TIME_LEN);
	for (size_t i = 0; i < sizeof(random); i++)
		out[TIME_LEN + i] = alphabet[random[i] & 31];
	out[ULID_LEN] = '\0';
	return 0;
}
