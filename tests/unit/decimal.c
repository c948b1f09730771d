/*
 * decimal: holds the shortest digits of doubles to the C library's, which tries
 * one precision after the other, and to values whose digits are known to be
 * hard.  Prints TAP.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "tap.h"

#define RANDOM_COUNT 200000

static const struct {
	double number;
	const char *digits;
	int n;
} known[] = {
	{ 5e-324, "5", -323 },
	{ 2.2250738585072014e-308, "22250738585072014", -307 },
	{ 2.225073858507201e-308, "2225073858507201", -307 },
	{ 1.7976931348623157e308, "17976931348623157", 309 },
	{ 9007199254740993.0, "9007199254740992", 16 },
	{ 0.1, "1", 0 }, { 0.3, "3", 0 }, { 1.0, "1", 1 }, { 100, "1", 3 },
	{ 1e21, "1", 22 }, { 1e23, "1", 24 }, { 9.5e-7, "95", -6 },
	{ 4.35, "435", 1 }, { 123456.789, "123456789", 6 },
	/* Powers of two, where the double below is nearer. */
	{ 9007199254740992.0, "9007199254740992", 16 },
	{ 0x1p-44, "5684341886080802", -13 },
	{ 0x1p-1022, "22250738585072014", -307 },
	{ 0x1p1023, "8988465674311580", 308 },
	{ 0x1p-1074, "5", -323 }, { 0x1p-1073, "1", -322 },
	/* From Ryu's and Grisu's own tests. */
	{ 2.109808898695963e16, "2109808898695963", 17 },
	{ 4.940656e-318, "4940656", -317 },
	{ 1.18575755e-316, "118575755", -315 },
	{ 2.989102097996e-312, "2989102097996", -311 },
	{ 9.0608011534336e15, "90608011534336", 16 },
	{ 4.708356024711512e18, "4708356024711512", 19 },
	{ 9.409340012568248e18, "9409340012568248", 19 },
	{ 1.8531501765868567e21, "18531501765868567", 22 },
	{ 5.764607523034235e39, "5764607523034235", 40 },
	{ 1.152921504606847e40, "1152921504606847", 41 },
};

/* Reads digits as the value 0.DIGITS * 10^n. */
static double
read_back(const char *digits, int n)
{
	char text[64];

	snprintf(text, sizeof(text), "0.%se%d", digits, n);
	return strtod(text, NULL);
}

/* Whether one of the two decimals of so many digits that lie around the
 * number reads back as it. */
static bool
is_enough(double number, int precision)
{
	char text[64], digits[32];
	int len = 0;

	snprintf(text, sizeof(text), "%.*e", precision - 1, number);
	if (strtod(text, NULL) == number)
		return true;
	/* The nearest decimal may miss it from one side only. */
	for (const char *c = text; *c != 'e'; c++)
		if (*c != '.')
			digits[len++] = *c;
	digits[len] = '\0';
	int n = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
	uint64_t whole = strtoull(digits, NULL, 10);
	for (int step = -1; step <= 1; step += 2) {
		snprintf(text, sizeof(text), "%llue%d",
		    (unsigned long long)(whole + (uint64_t)step), n - len);
		if (strtod(text, NULL) == number)
			return true;
	}
	return false;
}

/* Whether the digits read back, are the fewest, and the nearest of these. */
static bool
is_right(double number)
{
	char digits[DECIMAL_SIZE], nearest[64];
	int n, len = decimal_shortest(number, digits, &n);

	if (len < 1 || len > 17 || read_back(digits, n) != number ||
	    (len > 1 && is_enough(number, len - 1)))
		return false;
	snprintf(nearest, sizeof(nearest), "%.*e", len - 1, number);
	if (strtod(nearest, NULL) != number)
		return true;
	for (int i = 0; i < len; i++)
		if (nearest[i == 0 ? 0 : i + 1] != digits[i])
			return false;
	return true;
}

static uint64_t
next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* The first double of those that make() gives that is wrong; 0 for none. */
static double
find_wrong(double (*make)(int), int count)
{
	for (int i = 0; i < count; i++) {
		double number = make(i);
		if (isfinite(number) && number > 0 && !is_right(number))
			return number;
	}
	return 0;
}

static double
from_bits(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

static double
any(int i)
{
	(void)i;
	return from_bits(next_random() >> 1);
}

static double
subnormal(int i)
{
	return from_bits(next_random() >> (12 + i % 50));
}

/* Each power of two, and the doubles on both sides of it. */
static double
around_power(int i)
{
	return from_bits(((uint64_t)(i / 3) << 52) + (uint64_t)(i % 3) - 1);
}

/* A few digits, as people write them. */
static double
short_decimal(int i)
{
	return (double)(next_random() % 1000000) / pow(10, i % 12);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char digits[DECIMAL_SIZE];
		int n, len = decimal_shortest(known[i].number, digits, &n);
		size_t want = strlen(known[i].digits);
		while (known[i].digits[want - 1] == '0')
			want--;
		ok((size_t)len == want && n == known[i].n &&
		    strncmp(digits, known[i].digits, want) == 0,
		    "%.17g is %s * 10^%d", known[i].number, digits, n - len);
	}
	double wrong = find_wrong(any, RANDOM_COUNT);
	ok(wrong == 0, "any doubles (%.17g)", wrong);
	wrong = find_wrong(subnormal, RANDOM_COUNT / 4);
	ok(wrong == 0, "subnormal ones (%.17g)", wrong);
	wrong = find_wrong(around_power, 3 * 2047);
	ok(wrong == 0, "around the powers of two (%.17g)", wrong);
	wrong = find_wrong(short_decimal, RANDOM_COUNT / 4);
	ok(wrong == 0, "decimals of a few digits (%.17g)", wrong);
	return tap_end();
}
