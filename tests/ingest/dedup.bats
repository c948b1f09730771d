# A delivery sent twice is recorded once; nothing signed is lost.
#
# run: cgi fcgi, 8 s

load ../lib/helper

ag='{"source":"agentgate","event":"request.created","data":{"requestId":"r1","action":"a"}}'
generic='{"source":"generic","event":"e","data":{"n":1}}'

# replayed ANSWER: the first answer again, and the header that says so.
replayed() {
	answered 201
	equal answer "$1" "$answer"
	equal Idempotent-Replayed true "$(header Idempotent-Replayed)"
}

# fresh: recorded now, not before.
fresh() {
	answered 201
	equal Idempotent-Replayed '' "$(header Idempotent-Replayed)"
}

@test "the same signed bytes are recorded once, and answered alike" {
	deliver agentgate "$ag"
	fresh
	local first=$answer
	deliver agentgate "$ag"
	replayed "$first"
	# Whatever else differs: header of the signature, sender's address.
	post "$ag" HTTP_X_WEBHOOK_SIGNATURE="sha256=$(printf %s "$ag" | sign "$agentgate_secret")" REMOTE_ADDR=192.0.2.99
	replayed "$first"
	counted events 1
	counted ingest_deliveries 1
	equal 'events of the session' 1 "$(query 'SELECT event_count FROM sessions')"
}

@test "a replay is known after a restart" {
	deliver agentgate "$ag"
	fresh
	local first=$answer
	stop
	deliver agentgate "$ag"
	replayed "$first"
	counted events 1
}

@test "a replay signed with the secret before is still a replay" {
	deliver agentgate "$ag"
	local first=$answer
	stop
	with AGENTGATE_WEBHOOK_SECRET=newer AGENTGATE_WEBHOOK_SECRET_PREVIOUS="$agentgate_secret"
	post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$(printf %s "$ag" | sign newer)"
	replayed "$first"
	counted events 1
}

@test "other bytes of the same meaning are another delivery" {
	deliver agentgate "$ag"
	fresh
	deliver agentgate "$ag "
	fresh
	counted events 2
	equal sessions 2 "$(query 'SELECT event_count FROM sessions')"
}

@test "unsigned deliveries may repeat" {
	post "$generic"
	fresh
	post "$generic"
	fresh
	counted events 2
	counted ingest_deliveries 2
	equal keys 0 "$(query 'SELECT count(key) FROM ingest_deliveries')"
}

@test "signed generic deliveries are recorded once" {
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	deliver generic "$generic"
	fresh
	local first=$answer
	deliver generic "$generic"
	replayed "$first"
	counted events 1
}

@test "the same key in the same header is a replay" {
	local name first
	for name in HTTP_IDEMPOTENCY_KEY HTTP_WEBHOOK_ID HTTP_SVIX_ID HTTP_X_AGENTGATE_EVENTID; do
		row "$name"
		post "$generic" "$name=k1"
		fresh
		first=$answer
		post "$generic" "$name=k1"
		replayed "$first"
		post "$generic" "$name=k2"
		fresh
		post "$generic" "$name=K1"
		fresh
	done
	# Four headers, three values each.
	counted events 12
}

@test "the same key with other bytes is 422" {
	local name
	for name in HTTP_IDEMPOTENCY_KEY HTTP_WEBHOOK_ID HTTP_SVIX_ID HTTP_X_AGENTGATE_EVENTID; do
		row "$name"
		post "$generic" "$name=k1"
		fresh
		post "$generic " "$name=k1"
		refused 422 'Idempotency key was used before with another body'
	done
	counted events 4
	counted ingest_deliveries 4
}

@test "signed: the same key with other bytes is an event of its own" {
	deliver agentgate "$ag" HTTP_IDEMPOTENCY_KEY=k1
	fresh
	local first=$answer
	deliver agentgate "$ag" HTTP_IDEMPOTENCY_KEY=k1
	replayed "$first"
	deliver agentgate "$ag" HTTP_IDEMPOTENCY_KEY=k2
	replayed "$first"
	# Nobody signs a header: one that was overheard keeps nothing out.
	with INGEST_LOG=info
	restart
	deliver agentgate "$ag " HTTP_IDEMPOTENCY_KEY=k1
	fresh
	grep -q ' note=id-reused' "$dir/err"
	local second=$answer
	deliver agentgate "$ag " HTTP_IDEMPOTENCY_KEY=k1
	replayed "$second"
	deliver agentgate "$ag" HTTP_IDEMPOTENCY_KEY=k1
	replayed "$first"
	counted events 2
	equal 'rows with the key' 1 "$(query 'SELECT count(idempotency_key) FROM ingest_deliveries')"
}

@test "a key belongs to its source" {
	post "$generic" HTTP_IDEMPOTENCY_KEY=k1
	fresh
	deliver agentgate "$ag" HTTP_IDEMPOTENCY_KEY=k1
	fresh
	counted events 2
}

@test "an empty key is no key" {
	post "$generic" HTTP_IDEMPOTENCY_KEY=
	fresh
	post "$generic" HTTP_IDEMPOTENCY_KEY=
	fresh
	counted events 2
}

@test "the key of a refused delivery can be used again" {
	post '{"source":"generic","event":"e","data":1}' HTTP_IDEMPOTENCY_KEY=k1
	refused 400 'Missing or invalid data field'
	post "$generic" HTTP_IDEMPOTENCY_KEY=k1
	fresh
	deliver agentgate '{"source":"agentgate","event":"x","data":{}}' HTTP_IDEMPOTENCY_KEY=k1
	refused 400 "Unknown event type 'x' for source 'agentgate'"
	deliver agentgate "$ag" HTTP_IDEMPOTENCY_KEY=k1
	fresh
	counted events 2
}

@test "a refused signed delivery is kept, once, with the reason" {
	local body='{"source":"agentgate","event":"request.exploded","data":{"requestId":"r1"}}' i
	for i in 1 2 3; do
		deliver agentgate "$body"
		refused 400 "Unknown event type 'request.exploded' for source 'agentgate'"
	done
	counted events 0
	equal delivery \
		"|unknown-event: request.exploded|agentgate|$(printf %s "$body" | sign "$agentgate_secret")|$body|32||192.0.2.7" \
		"$(query 'SELECT event_id, reason, source, signature, CAST(body AS TEXT), length(key), idempotency_key, remote_addr FROM ingest_deliveries')"
}

# The codes are stored, compared and logged: names are added, never changed.
@test "whatever a signed delivery is refused for, it is kept, with the code of the reason" {
	local reason body n=0
	while IFS='|' read -r reason body; do
		row "$body"
		deliver agentgate "$body"
		answered 400
		equal reason "$reason" \
			"$(query "SELECT reason FROM ingest_deliveries WHERE CAST(body AS TEXT) = '$body' AND event_id IS NULL")"
		counted ingest_deliveries $((++n))
	done <<-'END'
		no-event|{"source":"agentgate"}
		no-data|{"source":"agentgate","event":"test"}
		unknown-event: exploded|{"source":"agentgate","event":"exploded","data":{}}
		bad-field: timestamp: not a time|{"source":"agentgate","event":"test","data":{},"timestamp":"soon"}
		bad-field: requestId: not a string|{"source":"agentgate","event":"request.created","data":{"requestId":1}}
		bad-field: context: not an object|{"source":"agentgate","event":"request.created","data":{},"context":"none"}
		bad-field: requestId: control characters|{"source":"agentgate","event":"request.created","data":{"requestId":"\u0001"}}
		bad-field: status: no decision|{"source":"agentgate","event":"request.decided","data":{"status":"maybe"}}
	END
	body='{"source":"agentgate","event":"test","data":{},"context":{"agentlens_session_id":"'$(printf 'x%.0s' {1..257})'"}}'
	deliver agentgate "$body"
	answered 400
	equal 'an id that is too long' 'bad-field: agentlens_session_id: too long' \
		"$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	deliver formbridge '{"submissionId":"x","state":""}'
	answered 400
	equal 'an empty state' 'bad-field: state: empty' \
		"$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	deliver formbridge '{"submissionId":"x","state":"draft","metadata":{"createdAt":true}}'
	answered 400
	deliver formbridge '{"submissionId":"x","state":"draft","fields":1}'
	answered 400
	equal 'its fields' 'bad-field: fields: not an object' \
		"$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	counted events 0
	counted sessions 0
	counted agents 0
}

@test "a refused delivery that is not signed is not kept" {
	post '{"source":"generic","event":"e"}'
	refused 400 'Missing or invalid data field'
	post '{"source":"agentgate","event":"x","data":{}}' HTTP_X_AGENTGATE_SIGNATURE="$(printf %064d 0)"
	refused 401 'Invalid webhook signature'
	post '{"source":"generic","event":"e","data":{"eventType":"form_expired"}}'
	refused 401 "Event type 'form_expired' needs a signed delivery"
	[ ! -s "$db" ] || counted ingest_deliveries 0
}

@test "the same bytes from another source are another delivery" {
	local body='{"event":"test","data":{}}'
	deliver agentgate "$body"
	fresh
	local first=$answer
	deliver formbridge "$body"
	refused 400 "Unknown event type 'test' for source 'formbridge'"
	deliver agentgate "$body"
	replayed "$first"
	counted ingest_deliveries 2
	equal sources $'agentgate\nformbridge' "$(query 'SELECT source FROM ingest_deliveries ORDER BY id')"
}

@test "the same delivery over several connections at once is recorded once" {
	local i signature
	signature=$(printf %s "$ag" | sign "$agentgate_secret")
	for i in {1..40}; do
		printf 'HTTP_X_AGENTGATE_SIGNATURE=%s\t%s\n' "$signature" "$ag"
	done >"$dir/many"
	post_all "$dir/many" 8
	equal answers 40 "$(grep -c ^201 "$dir/answers")"
	equal 'different answers' 1 "$(cut -f 3 "$dir/answers" | sort -u | wc -l)"
	counted events 1
	counted ingest_deliveries 1
}
