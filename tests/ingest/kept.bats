# What is signed and refused is answered as ever, and kept with the reason.
#
# run: cgi fcgi, 12 s

load ../lib/helper

# kept REASON SOURCE: the last delivery is kept, once, as it came.
kept() {
	counted events 0
	equal reason "$1" "$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	equal source "$2" "$(query 'SELECT source FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	equal signature "$(sign "$agentgate_secret" <"$dir/body")" \
		"$(query 'SELECT signature FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	query "SELECT writefile('$dir/stored', body) FROM ingest_deliveries ORDER BY id DESC LIMIT 1"
	cmp "$dir/stored" "$dir/body"
	rows=$((${rows-0} + 1))
	counted ingest_deliveries "$rows"
}

# verified: agentlens-log finds the file sound, with what was kept.
verified() {
	stop
	env -i "${settings[@]}" "$AGENTLENS_LOG" verify -d "$db" >"$dir/verified" ||
		{ cat "$dir/verified"; return 1; }
}

# signed_bytes FORMAT HEADER: posts what printf makes of FORMAT, twice.
signed_bytes() {
	# shellcheck disable=SC2059
	printf "$1" >"$dir/body"
	post_file "$dir/body" "$2=$(sign "$agentgate_secret" <"$dir/body")"
	post_file "$dir/body" "$2=$(sign "$agentgate_secret" <"$dir/body")"
}

@test "signed bytes that are no JSON object are 400 and kept" {
	local body header deep
	deep=$(printf '[%.0s' {1..70})$(printf ']%.0s' {1..70})
	for header in HTTP_X_AGENTGATE_SIGNATURE HTTP_X_WEBHOOK_SIGNATURE; do
		for body in '{"event":"test","data":{"n":NaN}}' '{"event":"test","data":{"n":1e400}}' \
			'{"event":"test","data":{"n":"\xe9"}}' "{\"event\":\"test\",\"data\":{\"n\":$deep}}" \
			'[{"event":"test"}]' '{"event":"test","data":{"n":"a\tb"}}' 'null' '{' 'x=1&y=2'; do
			row "$header: $body"
			signed_bytes "$body ${header#HTTP_X_}" "$header"
			refused_like 400 'Invalid JSON body: .+'
			rows=$(($(query 'SELECT count(*) FROM ingest_deliveries') - 1))
			kept "$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')" agentgate
			matches reason 'bad-json: .+' "$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
		done
	done
	equal rows 18 "$rows"
	# Nothing of it is kept when it is not signed, and the answer is the same.
	post '{'
	refused_like 400 'Invalid JSON body: .+'
	post '{' HTTP_X_AGENTGATE_SIGNATURE="$(printf x | sign "$agentgate_secret")"
	refused_like 400 'Invalid JSON body: .+'
	counted ingest_deliveries 18
	verified
}

@test "signed, and no event, no data, no source or an unknown event" {
	signed_bytes '{"data":{}}' HTTP_X_AGENTGATE_SIGNATURE
	refused 400 'Missing event field'
	kept no-event agentgate
	signed_bytes '{"event":"request.created"}' HTTP_X_AGENTGATE_SIGNATURE
	refused 400 'Missing or invalid data field'
	kept no-data agentgate
	signed_bytes '{"event":"request.moved","data":{}}' HTTP_X_AGENTGATE_SIGNATURE
	refused 400 "Unknown event type 'request.moved' for source 'agentgate'"
	kept 'unknown-event: request.moved' agentgate
	signed_bytes '{"event":"x","data":{}}' HTTP_X_WEBHOOK_SIGNATURE
	refused_like 400 'Invalid or missing source.+'
	kept no-source agentgate
	verified
}

@test "signed by one source while the body names another" {
	local body='{"source":"formbridge","event":"submission.created","data":{"submissionId":"s"}}'
	signed_bytes "$body" HTTP_X_AGENTGATE_SIGNATURE
	refused 401 'Invalid webhook signature'
	kept source-mismatch agentgate
	signed_bytes "$body " HTTP_X_WEBHOOK_SIGNATURE
	refused 401 'Invalid webhook signature'
	kept source-mismatch agentgate
	verified
	# Two sources with one secret are no contradiction.
	with FORMBRIDGE_WEBHOOK_SECRET="$agentgate_secret"
	restart
	signed_bytes "$body  " HTTP_X_WEBHOOK_SIGNATURE
	recorded form_submitted unlinked_s
}

@test "a body above the limit is not kept, and the log says how long it was" {
	with INGEST_MAX_BODY=100
	local body
	body="{\"source\":\"agentgate\",\"event\":\"test\",\"data\":{\"x\":\"$(printf %0200d 0)\"}}"
	deliver agentgate "$body"
	answered 413
	nothing_recorded
	grep -qE "status=413 .*header=X-AgentGate-Signature length=${#body} " "$dir/err"
}

@test "the log of a 401 tells what is wrong with the signature" {
	local fault given body='{"source":"agentgate","event":"test","data":{}}'
	while read -r given fault; do
		row "$given"
		post "$body" "$given"
		answered 401
		grep -qE "status=401 .* signature=$fault error=" "$dir/err"
	done <<END
X=x missing header=X-AgentGate-Signature
HTTP_X_HUB_SIGNATURE_256=x missing header=X-AgentGate-Signature seen=X-Hub-Signature-256
HTTP_X_AGENTGATE_SIGNATURE=abc malformed header=X-AgentGate-Signature
HTTP_X_WEBHOOK_SIGNATURE=$(printf %064d 0) mismatch header=X-Webhook-Signature
END
}

@test "a body of another kind is named in the sentence" {
	local kind
	while IFS='|' read -r kind header value; do
		row "$kind"
		post 'a=1&b=2' "$header=$value"
		refused_like 400 "Invalid JSON body: the body is $kind; .*"
	done <<'END'
a form|CONTENT_TYPE|application/x-www-form-urlencoded; charset=utf-8
a form in parts|CONTENT_TYPE|multipart/form-data; boundary=x
XML|CONTENT_TYPE|text/xml
compressed|HTTP_CONTENT_ENCODING|gzip
END
	post 'a=1' CONTENT_TYPE=text/plain
	refused_like 400 'Invalid JSON body: [^;]*'
}
