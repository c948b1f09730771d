/* What is known of the signature of a stored delivery.  It takes the secrets to
 * find out: see audit/mark_delivery.h. */
#ifndef MARK_H
#define MARK_H

enum mark {
	MARK_UNSIGNED,    /* there is no signature */
	MARK_NOT_CHECKED, /* no secret of its source is set, or no body */
	MARK_GOOD,
	MARK_WRONG /* it was made with none of the secrets of its source */
};

#endif
