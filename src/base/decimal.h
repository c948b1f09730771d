/* The shortest decimal digits of a double.  How they are laid out is the
 * caller's. */
#ifndef DECIMAL_H
#define DECIMAL_H

/* The most digits that a double needs are 17; one more for the NUL. */
#define DECIMAL_SIZE 18

/*
 * Writes the fewest decimal digits that read back as this double, which is
 * positive and finite; of several that are as few, those nearest to it
 * (ECMA-262, Number::toString, step 5).  They are d1 d2 … dk, without a zero at
 * the end, and the value is 0.d1d2…dk * 10^*n.  Returns k.
 *
 * It takes the same time for every double, subnormal ones too: the method is
 * Raffaello Giulietti's "The Schubfach way to render doubles" (2020).
 */
int decimal_shortest(double number, char digits[DECIMAL_SIZE], int *n);

#endif
