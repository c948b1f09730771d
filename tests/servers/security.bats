# What SECURITY.md says, as far as no other file shows it, and that each line
# of it names a test.
#
# run: once, 7 s

load ../lib/helper
load ../lib/servers

@test "SECURITY.md: each line names tests that there are" {
	names_tests SECURITY.md 'shown by'
}

# as_cgi LIMIT: posts $dir/body as CGI under a limit of ulimit.
# shellcheck disable=SC2016  # bash -c takes them
as_cgi() {
	env -i DB_PATH="$db" INGEST_CONFIG="$settings_file" REQUEST_METHOD=POST \
		bash -c 'ulimit "$1" "$2" && exec "$3"' bash "$@" "$program" \
		<"$dir/body" >"$dir/out" 2>"$dir/err" || :
	read_answer
}

@test "keys that collide cost no more than others" {
	not_sanitized
	# All of them have one hash under json-c's other function, which has no
	# seed: with that this takes many seconds.
	awk 'BEGIN {
		printf "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"data\":{"
		for (i = 0; i < 29000; i++) {
			key = ""
			for (n = i + 32768; n > 1; n = int(n / 2))
				key = key (n % 2 ? "ab" : "bA")
			printf "%s\"%s\":0", i ? "," : "", key
		}
		printf "}}}" }' >"$dir/body"
	[ "$(wc -c <"$dir/body")" -gt 1000000 ]
	as_cgi -t 1
	recorded custom
}

@test "a megabyte of empty objects and arrays takes no hundreds of megabytes" {
	not_sanitized
	local pair
	for pair in '{}' '[]' '{"":0}'; do
		row "$pair"
		megabyte_of "$pair" >"$dir/body"
		as_cgi -v 125000
		recorded custom
	done
}

# smuggles NAME STATUS: what the signature's header can be made to be; the
# status is that of a good signature under a name with underscores.
smuggles() {
	local good bad name='X-AgentGate-Signature' body='{"source":"agentgate","event":"test","data":{}}'
	good=$(printf %s "$body" | sign "$agentgate_secret")
	bad=$(printf %s "$body" | sign wrong)
	serve "$1"
	row 'joined by a comma'
	send "$body" -H "$name: $bad, $good"
	refused 401 'Invalid webhook signature'
	send "$body" -H "$name: $good, $bad"
	refused 401 'Invalid webhook signature'
	send "$body" -H "$name: $good,$good"
	refused 401 'Invalid webhook signature'
	row 'twice'
	send "$body" -H "$name: $bad" -H "$name: $bad"
	refused 401 'Invalid webhook signature'
	send "$body" -H "$name: $bad" -H "$name: $good"
	refused 401 'Invalid webhook signature'
	row 'of another product'
	send "$body" -H "X-FormBridge-Signature: $good"
	refused 401 'Invalid webhook signature'
	row 'underscores'
	send "$body" -H "X_AgentGate_Signature: $bad"
	refused 401 'Invalid webhook signature'
	# The variable of CGI is the same.  Most servers drop such a header, and a
	# signature is as good under either name.
	send "$body" -H "X_AgentGate_Signature: $good"
	equal 'status with underscores' "$2" "$code"
	send "$body" -H "X_AgentGate_Signature: $bad" -H "$name: $bad"
	refused 401 'Invalid webhook signature'
	[ "$2" = 201 ] || nothing_recorded
}

@test "lighttpd: signature headers that are doubled, joined or misspelt" {
	smuggles lighttpd 201
}

@test "lighttpd-spawn-fcgi: signature headers that are doubled, joined or misspelt" {
	smuggles lighttpd-spawn-fcgi 201
}

@test "lighttpd-cgi: signature headers that are doubled, joined or misspelt" {
	smuggles lighttpd-cgi 201
}

@test "apache-cgid: signature headers that are doubled, joined or misspelt" {
	smuggles apache-cgid 401
}

@test "apache-fcgid: signature headers that are doubled, joined or misspelt" {
	smuggles apache-fcgid 401
}

@test "apache-proxy-fcgi: signature headers that are doubled, joined or misspelt" {
	smuggles apache-proxy-fcgi 401
}

@test "nginx: signature headers that are doubled, joined or misspelt" {
	smuggles nginx 401
}

@test "comparing digests takes the same instructions, whichever byte is wrong" {
	not_sanitized
	[ "$(uname -m)" = x86_64 ] || skip 'the names of the jumps are those of x86-64'
	command -v objdump >"$dir/path" || skip 'objdump is missing (Debian: binutils)'
	# One loop over all bytes: no way out of it depends on a byte. Its only
	# conditional jump is the loop's own, or there is none when unrolled.
	objdump -d --no-show-raw-insn "$BUILD_DIR/src/base/digest.o" >"$dir/all"
	awk '/^[0-9a-f]+ <digest_equal>:/ { on = 1; next } /^$/ { on = 0 } on' "$dir/all" >"$dir/code"
	[ "$(wc -l <"$dir/code")" -ge 8 ]
	[ "$(grep -cE '[[:space:]]j(e|ne|a|ae|b|be|g|ge|l|le|s|ns|z|nz)[[:space:]]' "$dir/code")" -le 1 ]
	fails grep -E 'memcmp|call.*strcmp' "$dir/code"
}

@test "neither file nor answers hold a secret" {
	local body='{"source":"agentgate","event":"test","data":{}}'
	serve lighttpd
	send "$body" -H "X-AgentGate-Signature: $(printf %s "$body" | sign "$agentgate_secret")"
	recorded custom
	send "$body"
	refused 401 'Invalid webhook signature'
	[ -s "$db" ]
	fails grep -qaF "$agentgate_secret" "$db" "$db"-* "$run_dir"/*.log "$dir/answer" "$dir/head"
}
