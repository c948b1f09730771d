# The log: one line for each event, and nothing in it that is not ours to tell.
#
# run: cgi fcgi, 4 s

load ../lib/helper

generic='{"source":"generic","event":"e","data":{}}'
line='agentlens-ingest\[[0-9]+\]: (error|warn|info|debug): [a-z_]+=.*'

# logged REGEX: what the last request left in the log is one such line.
logged() {
	matches 'log' "agentlens-ingest\[[0-9]+\]: $1" "$(cat "$dir/err")"
}

@test "a refusal is one line with its reason" {
	post '{'
	answered 400
	logged 'warn: .*400.*'
	post '{"source":"agentgate","event":"test","data":{}}'
	answered 401
	logged 'warn: .*401.*'
	without AGENTGATE_WEBHOOK_SECRET
	stop
	post '{"source":"agentgate","event":"test","data":{}}'
	answered 500
	logged 'error: .*500.*'
}

@test "what went well is not worth a line, unless asked for" {
	post "$generic"
	recorded custom
	equal log '' "$(cat "$dir/err")"
	stop
	with INGEST_LOG=info
	post "$generic"
	recorded custom
	logged "info: .*$event_id.*"
}

@test "INGEST_LOG=error keeps warnings away" {
	with INGEST_LOG=error
	post '{'
	answered 400
	equal log '' "$(cat "$dir/err")"
}

@test "a missing requestId or submissionId is warned of" {
	deliver agentgate '{"source":"agentgate","event":"request.created","data":{}}'
	recorded approval_requested
	logged 'warn: .*requestId.*'
	deliver formbridge '{"source":"formbridge","event":"submission.created","data":{}}'
	recorded form_submitted
	logged 'warn: .*submissionId.*'
}

@test "neither body nor secret nor signature is in it" {
	# A kernel without a sandbox has lines of its own.
	with INGEST_LOG=debug INGEST_SANDBOX=off
	local signature body='{"source":"agentgate","event":"test","data":{"precious":"cargo"}}'
	signature=$(printf %s "$body" | sign "$agentgate_secret")
	: >"$dir/all"
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$signature" && cat "$dir/err" >>"$dir/all"
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$signature" && cat "$dir/err" >>"$dir/all"
	post "$body " HTTP_X_AGENTGATE_SIGNATURE="$signature" && cat "$dir/err" >>"$dir/all"
	post '{"precious":"cargo"' && cat "$dir/err" >>"$dir/all"
	post '{"source":"agentgate","event":"test","precious":"cargo"}' && cat "$dir/err" >>"$dir/all"
	deliver agentgate '{"source":"agentgate","event":"test","data":{"precious":1},"timestamp":"cargo"}' && cat "$dir/err" >>"$dir/all"
	deliver agentgate '{"source":"agentgate","event":"request.created","data":{"requestId":{"precious":"cargo"}}}' && cat "$dir/err" >>"$dir/all"
	equal 'good lines' 7 "$(grep -cE "^$line$" "$dir/all")"
	fails grep -e precious -e cargo -e "$signature" -e "${signature:0:16}" -e "$agentgate_secret" "$dir/all"
}

@test "control characters cannot forge a line" {
	with INGEST_LOG=debug INGEST_SANDBOX=off
	local value=$'/x\nagentlens-ingest[1]: error: forged=1\r\t\x1b[2J\x7f\xc2\x9b'
	request GET PATH_INFO="$value" REMOTE_ADDR="$value" REQUEST_URI="$value" HTTP_USER_AGENT="$value" HTTP_IDEMPOTENCY_KEY="$value" </dev/null
	answered 404
	post '{"source":"agentgate","event":"x","data":{}}' REMOTE_ADDR="$value" HTTP_X_AGENTGATE_SIGNATURE="$value" HTTP_IDEMPOTENCY_KEY="$value"
	answered 401
	equal lines 1 "$(wc -l <"$dir/err")"
	grep -qE "^$line$" "$dir/err"
	fails grep -q '[[:cntrl:]]' "$dir/err"
	fails grep -q $'\xc2\x9b' "$dir/err"
}

@test "a long value makes no long line" {
	with INGEST_LOG=debug INGEST_SANDBOX=off
	local long
	printf -v long '%020000d' 0
	request GET PATH_INFO="/$long" REMOTE_ADDR="$long" </dev/null
	answered 404
	equal lines 1 "$(wc -l <"$dir/err")"
	[ "$(wc -c <"$dir/err")" -lt 1024 ]
}
