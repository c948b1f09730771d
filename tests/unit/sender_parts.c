/*
 * The parts that senders are read with, from inside: paths and locators,
 * forms, what is kept of a body, and what goes when it is too long.
 */
#include "base/json_path.h"
#include "tests/unit/sender_test.h"
#include "webhook/form.h"
#include "webhook/keep.h"
#include "webhook/locator.h"

static void
check_paths(void)
{
	static const struct {
		const char *path;
		const char *value; /* NULL: nothing */
	} cases[] = {
		{ "a", "1" }, { "b.c", "x" }, { "b.d", "true" },
		{ "one[].n", "7" }, { "two[].n", NULL }, { "none[].n", NULL },
		{ "two.1.n", "9" }, { "two.2.n", NULL }, { "two.x.n", NULL },
		{ "b", NULL }, { "e", NULL }, { "f", NULL }, { "", NULL },
		{ ".", NULL }, { "b.", NULL }, { ".a", NULL }, { "a.b", NULL },
		{ "[]", NULL }, { "b[]", NULL }, { "big", "4294967296" },
	};
	struct json_object *json = parse("{\"a\":1,\"b\":{\"c\":\"x\","
	    "\"d\":true},\"one\":[{\"n\":7}],\"two\":[{\"n\":8},{\"n\":9}],"
	    "\"none\":[],\"e\":null,\"f\":\"\",\"big\":4294967296}");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text = TEXT_EMPTY;
		bool there = json_path_add_text(&text, json_path_find(json,
		    cases[i].path, strlen(cases[i].path)));
		ok(there == (cases[i].value != NULL) && is(&text,
		    there ? cases[i].value : ""), "path '%s'", cases[i].path);
	}
	json_object_put(json);
}

static void
check_locators(void)
{
	static const char *const headers[] = { "X-Event", "push", "X-Bad",
		"caf\xc3\xa9", "X-Empty", "", NULL };
	static const struct {
		char kind;
		const char *text;
		const char *value;
	} cases[] = {
		{ 'l', "h:x-event", "push" }, { 'l', "h:X-None", "" },
		{ 'l', "h:X-Empty", "" }, { 'l', "h:X-Bad", "" },
		{ 'l', "b:a.b", "1" },
		{ 'l', "h:X-None, else b:a.b", "1" },
		{ 'p', "h:X-Event + b:action", "push.opened" },
		{ 'p', "h:X-Event + b:none", "push" },
		{ 'p', "h:X-None + b:action", "" },
		{ 'p', "b:none, else b:a.b + b:action", "1.opened" },
		{ 'f', "{a.b}#{action}", "1#opened" },
		{ 'f', "{none}#{action}, else {action}", "opened" },
		{ 'f', "a.b:action", "1:opened" },
		{ 'f', "b:a.b", "1" }, { 'f', "h:X-Event", "push" },
		{ 'f', "{h:X-Event}/{b:action}", "push/opened" },
		{ 'f', "{none}", "" }, { 'f', "run {a.b}", "run 1" },
	};
	struct json_object *json = parse("{\"a\":{\"b\":1},"
	    "\"action\":\"opened\"}");
	const struct locator_scope scope = { list_header, headers, json };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text = TEXT_EMPTY;
		bool there = cases[i].kind == 'l' ?
		    locator_add(&text, cases[i].text, &scope) :
		    cases[i].kind == 'p' ?
		    locator_add_parts(&text, cases[i].text, &scope) :
		    locator_add_filled(&text, cases[i].text, &scope);
		ok(locator_is_valid(cases[i].kind, cases[i].text) &&
		    there == (*cases[i].value != '\0') &&
		    is(&text, cases[i].value), "locator '%s'",
		    cases[i].text);
	}
	ok(locator_read("b:webhookTimestamp ms").unit_ms == 1 &&
	    locator_read("s:t= s").unit_ms == 1000 &&
	    locator_read("h:X").unit_ms == 1000, "units of time");
	ok(!locator_is_valid('l', "X-Event") &&
	    !locator_is_valid('l', "q:x") && !locator_is_valid('l', "h:") &&
	    !locator_is_valid('l', "h:a b") && !locator_is_valid('l', "") &&
	    !locator_is_valid('p', "h:A + ") && !locator_is_valid('f', "") &&
	    !locator_is_valid('f', "{a") && !locator_is_valid('f', "a}") &&
	    !locator_is_valid('f', "{}") && !locator_is_valid('f', "{{a}}") &&
	    !locator_is_valid('f', "{a}\n"), "what is no locator");
	json_object_put(json);
}

static void
check_forms(void)
{
	static const struct {
		const char *form;
		const char *json; /* NULL: none */
	} cases[] = {
		{ "a=1&b=x+y%20z", "{\"a\":\"1\",\"b\":\"x y z\"}" },
		{ "a=%22%5c%00", "{\"a\":\"\\\"\\\\\\u0000\"}" },
		{ "a&b=&=c&&", "{\"a\":\"\",\"b\":\"\",\"\":\"c\"}" },
		{ "a=1&a=2", "{\"a\":\"1\",\"a\":\"2\"}" },
		{ "a=%C3%A9", "{\"a\":\"\xc3\xa9\"}" },
		{ "a=%", NULL }, { "a=%4", NULL }, { "a=%zz", NULL },
		{ "a=%C0%80", NULL }, { "a=%C0", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct text text = TEXT_EMPTY;
		bool good = form_write_json(&text, cases[i].form,
		    strlen(cases[i].form));
		ok(good == (cases[i].json != NULL) && (!good || is(&text,
		    cases[i].json)), "form %s", cases[i].form);
		text_free(&text);
	}
	ok(form_is_one("payload=%7B%7D", 14) && form_is_one("a", 1) &&
	    !form_is_one(" \n{\"a\":1}", 9) && !form_is_one("[1]", 3) &&
	    !form_is_one("\xef\xbb\xbf{}", 5) && !form_is_one("", 0) &&
	    !form_is_one("  ", 2), "which bodies are forms");
}

static void
check_keep(void)
{
	static const char *const keep[] = { "*", "user.login", "list.id",
		"deep.*.name", "whole", NULL };
	static const char *const drop[] = { "*email", "token", NULL };
	static const struct {
		const char *body;
		const char *kept;
	} cases[] = {
		{ "{\"z\":1,\"a\":null,\"user\":{\"id\":5,\"login\":\"x\"}}",
		  "{\"z\":1,\"a\":null,\"user\":{\"login\":\"x\"}}" },
		{ "{\"user\":{\"id\":5},\"other\":{\"a\":1},\"l\":[1,2]}",
		  "{}" },
		{ "{\"list\":[{\"id\":1,\"x\":2},{\"x\":3},{\"id\":4}]}",
		  "{\"list\":[{\"id\":1},{},{\"id\":4}]}" },
		{ "{\"list\":[]}", "{\"list\":[]}" },
		{ "{\"list\":[{\"x\":1}]}", "{}" },
		{ "{\"deep\":{\"a\":{\"name\":\"n\",\"x\":1},\"b\":2}}",
		  "{\"deep\":{\"a\":{\"name\":\"n\"}}}" },
		{ "{\"whole\":{\"a\":[1,{\"token\":\"t\",\"b\":2}],"
		  "\"userEmail\":\"e\"}}", "{\"whole\":{\"a\":[1,{\"b\":2}]}}" },
		{ "{\"token\":\"t\",\"user_email\":\"e\",\"emailed\":true}",
		  "{\"emailed\":true}" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *json = parse(cases[i].body);
		struct text text = TEXT_EMPTY;
		keep_prune(json, keep, drop);
		json_write(&text, json);
		ok(is(&text, cases[i].kept), "kept of %s", cases[i].body);
		json_object_put(json);
	}
}

/* Shortens an object and returns its JSON and the list, "JSON LIST". */
static struct text
shorten(const char *body, size_t max, bool *fits)
{
	struct json_object *json = parse(body), *omitted;
	struct text text = TEXT_EMPTY;

	ok(keep_shorten(json, max, &omitted) == 0, "shortened to %zu", max);
	json_write(&text, json);
	size_t len = text.len;
	if (omitted != NULL) {
		text_puts(&text, " ");
		json_write(&text, omitted);
		len += strlen(",\"omitted\":") + text.len - len - 1;
	}
	*fits = len <= max;
	json_object_put(omitted);
	json_object_put(json);
	return text;
}

static void
check_long_values(void)
{
	struct text body = TEXT_EMPTY, text;
	bool fits;

	text = shorten("{\"a\":1,\"b\":{\"c\":\"x\"}}", 100, &fits);
	ok(fits && is(&text, "{\"a\":1,\"b\":{\"c\":\"x\"}}"),
	    "what fits stays");

	text_puts(&body, "{\"first\":\"");
	repeat(&body, "a", 200);
	text_puts(&body, "\",\"in\":{\"second\":\"");
	repeat(&body, "b", 300);
	text_puts(&body, "\",\"n\":5}}");
	text = shorten(text_string(&body), 300, &fits);
	ok(fits && strstr(text_string(&text), "[\"in.second\"]") != NULL &&
	    strstr(text_string(&text), "aaaa") != NULL,
	    "the longest value goes first");
	text_free(&text);
	text = shorten(text_string(&body), 100, &fits);
	ok(fits && is(&text, "{\"in\":{\"n\":5}} [\"in.second\",\"first\"]"),
	    "then the next");
	text_free(&body);
}

static void
check_many_values(void)
{
	struct text body = TEXT_EMPTY, text;
	bool fits;

	text_puts(&body, "{\"id\":7,\"list\":[");
	repeat(&body, "{\"id\":1,\"name\":\"short\"},", 1000);
	text_puts(&body, "{\"id\":2}]}");
	text = shorten(text_string(&body), 1000, &fits);
	ok(fits && is(&text, "{\"id\":7} [\"list\"]"),
	    "many short ones go with the array that they are in");

	text_truncate(&body, 0);
	text_puts(&body, "{\"l\":[");
	for (int i = 0; i < 60; i++) {
		text_puts(&body, i == 0 ? "{\"m\":\"" : ",{\"m\":\"");
		repeat(&body, "c", 300);
		text_puts(&body, "\"}");
	}
	text_puts(&body, "],\"n\":1}");
	text = shorten(text_string(&body), 2000, &fits);
	ok(fits && is(&text, "{\"n\":1} [\"l\"]"),
	    "paths below one that goes are not listed");

	text_truncate(&body, 0);
	text_puts(&body, "{");
	for (int i = 0; i < 2000; i++)
		text_printf(&body, "%s\"k%d\":%d", i == 0 ? "" : ",", i, i);
	text_puts(&body, "}");
	text = shorten(text_string(&body), 500, &fits);
	ok(fits && is(&text, "{} [\"*\"]"), "when nothing else helps, all go");
	text_free(&body);
}

int
main(void)
{
	if (digest_init() != 0)
		return 69;
	check_paths();
	check_locators();
	check_forms();
	check_keep();
	check_long_values();
	check_many_values();
	return tap_end();
}
