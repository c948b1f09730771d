/*
 * What the payloads of senders keep of their bodies, and what they never keep:
 * the lists of the columns `keep` and `drop`, each closed by NULL.
 *
 * A path of `keep` is names joined by dots; arrays are walked through, "*" is
 * any name, and where it stands last, any that is no object or array.  A path
 * keeps all below it.  `drop` has names, which are left out at any depth; one
 * that begins with "*" is the end of a name, in either case.
 */
#ifndef SOURCE_KEEP_H
#define SOURCE_KEEP_H

/* Secrets, addresses of the web that are as good as a secret, and e-mail
 * addresses. */
extern const char *const source_drop[];

extern const char *const source_keep_github[]; /* Gitea's, too */
extern const char *const source_keep_gitlab[];
extern const char *const source_keep_bitbucket[];
extern const char *const source_keep_jira[];
extern const char *const source_keep_stripe[];
extern const char *const source_keep_slack[];
extern const char *const source_keep_linear[];
extern const char *const source_keep_sentry[];
extern const char *const source_keep_pagerduty[];
extern const char *const source_keep_shopify[];
extern const char *const source_keep_paddle[];
extern const char *const source_keep_zoom[];
extern const char *const source_keep_langfuse[];
extern const char *const source_keep_vercel[];

#endif
