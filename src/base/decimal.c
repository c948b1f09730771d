#include "base/decimal.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The powers of ten that doubles need. */
#define POWER_MIN (-292)
#define POWER_MAX 324
#define POWERS (POWER_MAX - POWER_MIN + 1)

/* Limbs of 32 bits: 10^324 has 1,077 bits, and 2^1216 divided by 10^292 still
 * has 246, of which 128 are kept. */
#define LIMBS 39

/* The value of a power of ten, shifted so that its highest bit is the highest
 * here, and rounded up. */
struct power {
	uint64_t high;
	uint64_t low;
};

static struct power powers[POWERS];
static pthread_once_t powers_once = PTHREAD_ONCE_INIT;

/* A whole number, its lowest limb first. */
struct whole {
	uint32_t limbs[LIMBS];
};

static void
multiply_by_ten(struct whole *whole)
{
	uint64_t carry = 0;

	for (int i = 0; i < LIMBS; i++) {
		carry += (uint64_t)whole->limbs[i] * 10;
		whole->limbs[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

static void
divide_by_ten(struct whole *whole)
{
	uint64_t rest = 0;

	for (int i = LIMBS - 1; i >= 0; i--) {
		rest = rest << 32 | whole->limbs[i];
		whole->limbs[i] = (uint32_t)(rest / 10);
		rest %= 10;
	}
}

/* The highest 128 bits of a number that is not 0; *rest says whether there are
 * others. */
static struct power
highest_bits(const struct whole *whole, bool *rest)
{
	int top = LIMBS - 1;
	uint64_t high = 0, low = 0;
	uint32_t next = 0;

	while (whole->limbs[top] == 0)
		top--;
	int shift = __builtin_clz(whole->limbs[top]);
	*rest = false;
	for (int i = 0; i < LIMBS; i++) {
		uint32_t limb = i <= top ? whole->limbs[top - i] : 0;
		if (i < 2)
			high = high << 32 | limb;
		else if (i < 4)
			low = low << 32 | limb;
		else if (i == 4)
			next = limb;
		else
			*rest |= limb != 0;
	}
	if (shift > 0) {
		high = high << shift | low >> (64 - shift);
		low = low << shift | next >> (32 - shift);
		next <<= shift;
	}
	*rest |= next != 0;
	return (struct power){ high, low };
}

static void
keep_power(int exponent, const struct whole *whole, bool round_up)
{
	bool rest;
	struct power power = highest_bits(whole, &rest);

	if (rest || round_up) {
		power.low++;
		power.high += power.low == 0;
	}
	powers[exponent - POWER_MIN] = power;
}

/* Division rounds down at each step, which comes to the same as rounding once,
 * and no negative power of ten is a whole number of bits. */
static void
make_powers(void)
{
	struct whole whole = { { 1 } };

	for (int i = 0; i <= POWER_MAX; i++) {
		keep_power(i, &whole, false);
		multiply_by_ten(&whole);
	}
	whole = (struct whole){ { 0 } };
	whole.limbs[LIMBS - 1] = 1;
	for (int i = -1; i >= POWER_MIN; i--) {
		divide_by_ten(&whole);
		keep_power(i, &whole, true);
	}
}

/* floor(log2(10^e)) and floor(log10(2^e)), or of 3/4 of the latter: section 8.2
 * of the paper.  The shifts round towards minus infinity. */
static int
log2_of_power_of_ten(int e)
{
	return (e * 1741647) >> 19;
}

static int
log10_of_power_of_two(int e, bool three_quarters)
{
	return (e * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* The product of two numbers; *low is its low half.  Processors of 32 bits have
 * no type for it. */
static uint64_t
multiply(uint64_t a, uint64_t b, uint64_t *low)
{
	uint64_t a_low = (uint32_t)a, a_high = a >> 32;
	uint64_t b_low = (uint32_t)b, b_high = b >> 32;
	uint64_t bottom = a_low * b_low;
	uint64_t middle = a_high * b_low + (bottom >> 32);
	uint64_t other = a_low * b_high + (uint32_t)middle;

	*low = other << 32 | (uint32_t)bottom;
	return a_high * b_high + (middle >> 32) + (other >> 32);
}

/* The product of a power and a factor, over 2^128; its last bit also says that
 * something was lost, "round to odd". */
static uint64_t
scale(const struct power *power, uint64_t factor)
{
	uint64_t lost, low;
	uint64_t carried = multiply(power->low, factor, &lost);
	uint64_t high = multiply(power->high, factor, &low);

	low += carried;
	high += low < carried;
	return high | (low > 1);
}

/*
 * Finds the shortest number d * 10^*exponent that reads back as c * 2^q.
 * `closer`: the next double below is at half the distance of the one above.
 */
static uint64_t
find_shortest(uint64_t c, int q, bool closer, int *exponent)
{
	int k = log10_of_power_of_two(q, closer);
	int shift = q + log2_of_power_of_ten(-k) + 1;
	const struct power *power = &powers[-k - POWER_MIN];
	/* Four times the value, and the ends of what reads back as it; only an
	 * even c has the ends too. */
	uint64_t lower = scale(power, (4 * c - 2 + closer) << shift) + (c & 1);
	uint64_t value = scale(power, 4 * c << shift);
	uint64_t upper = scale(power, (4 * c + 2) << shift) - (c & 1);
	uint64_t s = value / 4, tens = s / 10;

	if (s >= 10) {
		bool down = lower <= 40 * tens, up = 40 * tens + 40 <= upper;
		if (down != up) {
			*exponent = k + 1;
			return tens + up;
		}
	}
	*exponent = k;
	bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
	if (down != up)
		return s + up;
	uint64_t middle = 4 * s + 2;
	return s + (value > middle || (value == middle && (s & 1) != 0));
}

int
decimal_shortest(double number, char digits[DECIMAL_SIZE], int *n)
{
	uint64_t bits, shortest;
	char text[20];
	int exponent, len = 0;

	pthread_once(&powers_once, make_powers);
	memcpy(&bits, &number, sizeof(bits));
	uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
	int biased = (int)(bits >> 52 & 0x7ff);
	if (biased == 0)
		shortest = find_shortest(fraction, -1074, false, &exponent);
	else
		shortest = find_shortest(fraction | UINT64_C(1) << 52,
		    biased - 1075, fraction == 0 && biased > 1, &exponent);

	while (shortest % 10 == 0) {
		shortest /= 10;
		exponent++;
	}
	for (; shortest > 0; shortest /= 10)
		text[len++] = (char)('0' + shortest % 10);
	for (int i = 0; i < len; i++)
		digits[i] = text[len - 1 - i];
	digits[len] = '\0';
	*n = len + exponent;
	return len;
}
