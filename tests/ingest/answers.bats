# Every row of the table of answers, and their order.
#
# run: cgi fcgi, 13 s

load ../lib/helper

generic='{"source":"generic","event":"e","data":{"type":"t","data":1}}'
sourceless='Invalid or missing source. Expected source agentgate/formbridge/generic, or an X-AgentGate-Signature / X-FormBridge-Signature header.'

# padded SIZE: a good body of exactly so many bytes.
padded() {
	printf '%s%*s' "$generic" $(($1 - ${#generic})) ''
}

@test "a recorded event is answered with 201 and four members in order" {
	post '{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s 1"}}'
	recorded custom 's 1'
	equal phrase Created "$phrase"
	equal answer "{\"ok\":true,\"eventId\":\"$event_id\",\"eventType\":\"custom\",\"sessionId\":\"s 1\"}" "$answer"
	counted events 1
}

@test "the mount point is the endpoint, with and without a slash" {
	post "$generic"
	recorded custom
	post "$generic" PATH_INFO=
	recorded custom
	post "$generic" PATH_INFO=/
	recorded custom
	post "$generic" REQUEST_URI=/api/events/ingest
	recorded custom
	post "$generic" PATH_INFO=/ 'REQUEST_URI=/api/events/ingest/?a=/health' 'QUERY_STRING=a=/health'
	recorded custom
	counted events 5
}

@test "404 for any other path" {
	local path
	for path in /x /healthy /health/x /health// // /x/health /HEALTH /github /github/ /agentgate; do
		row "$path"
		post "$generic" PATH_INFO="$path"
		refused 404 'Not found'
	done
	nothing_recorded
}

@test "404 comes before 405" {
	request GET PATH_INFO=/x </dev/null
	refused 404 'Not found'
}

@test "405 with Allow for any other method" {
	local method
	for method in GET PUT DELETE PATCH OPTIONS post BREW; do
		row "$method"
		request "$method" </dev/null
		refused 405 'Method not allowed'
		equal Allow POST "$(header Allow)"
	done
	request HEAD </dev/null
	answered 405
	equal Allow POST "$(header Allow)"
	equal body '' "$answer"
}

@test "405 comes before the body is looked at" {
	request PUT CONTENT_LENGTH=x <<<'{'
	refused 405 'Method not allowed'
}

@test "health answers GET and HEAD" {
	request GET PATH_INFO=/health </dev/null
	answered 200
	equal answer '{"status":"ok"}' "$answer"
	request HEAD PATH_INFO=/health </dev/null
	answered 200
	equal body '' "$answer"
	counted events 0
	counted ingest_deliveries 0
}

@test "health is found in REQUEST_URI where PATH_INFO is missing" {
	request GET 'REQUEST_URI=/api/events/ingest/health?x=1/2' </dev/null
	answered 200
	equal answer '{"status":"ok"}' "$answer"
}

@test "health refuses other methods with Allow" {
	local method
	for method in POST PUT DELETE; do
		row "$method"
		request "$method" PATH_INFO=/health </dev/null
		refused 405 'Method not allowed'
		equal Allow 'GET, HEAD' "$(header Allow)"
	done
}

@test "health is 503 when the database cannot be written" {
	post "$generic"
	recorded custom
	stop
	read_only_database
	request GET PATH_INFO=/health </dev/null
	answered 503
	request HEAD PATH_INFO=/health </dev/null
	answered 503
	equal body '' "$answer"
}

@test "413 above the limit, and not at it" {
	with INGEST_MAX_BODY=200
	post "$(padded 200)"
	# $(...) keeps spaces, so these are 200 bytes.
	recorded custom
	post "$(padded 201)"
	refused 413 'Body is larger than 200 bytes'
	counted events 1
}

@test "413 where no length is given" {
	with INGEST_MAX_BODY=200
	request POST < <(padded 200)
	recorded custom
	request POST < <(padded 201)
	refused 413 'Body is larger than 200 bytes'
	counted events 1
}

@test "413 for a length that is too large, before the body comes" {
	request POST CONTENT_LENGTH=1048577 </dev/null
	refused 413 'Body is larger than 1048576 bytes'
}

@test "the limit is 1 MiB by default" {
	padded 1048576 >"$dir/large"
	post_file "$dir/large"
	recorded custom
	padded 1048577 >"$dir/large"
	post_file "$dir/large"
	refused 413 'Body is larger than 1048576 bytes'
	counted events 1
}

@test "400 for a Content-Length that is none" {
	local length
	for length in -1 +5 0x10 1e2 5x 'five' '1,1' '1 1'; do
		row "$length"
		request POST CONTENT_LENGTH="$length" <<<"$generic"
		refused 400 'Invalid Content-Length'
	done
	nothing_recorded
}

@test "a Content-Length beyond all numbers is refused" {
	request POST CONTENT_LENGTH=99999999999999999999999 <<<"$generic"
	[ "$code" = 400 ] || [ "$code" = 413 ]
	nothing_recorded
}

@test "a body without a length is read to its end" {
	request POST < <(printf %s "$generic")
	recorded custom
	# nginx gives an empty one where the client gave none.
	request POST CONTENT_LENGTH= < <(printf %s "$generic")
	recorded custom
}

@test "400 when the body is shorter or longer than Content-Length" {
	request POST CONTENT_LENGTH=$((${#generic} + 1)) < <(printf %s "$generic")
	refused 400 'Body does not match Content-Length'
	request POST CONTENT_LENGTH=$((${#generic} - 1)) < <(printf %s "$generic")
	refused 400 'Body does not match Content-Length'
	request POST CONTENT_LENGTH=0 < <(printf %s "$generic")
	refused 400 'Body does not match Content-Length'
	request POST CONTENT_LENGTH=5 </dev/null
	refused 400 'Body does not match Content-Length'
	nothing_recorded
}

@test "408 for a body that does not come to its end in time" {
	with INGEST_READ_TIMEOUT_MS=200
	if [ "$MODE" = cgi ]; then
		mkfifo "$dir/slow"
		exec {slow}<>"$dir/slow"
		printf %s "${generic:0:9}" >&"$slow"
		request POST CONTENT_LENGTH=${#generic} <&"$slow"
		exec {slow}>&-
	else
		start
		printf %s "$generic" >"$dir/body"
		"$FCGI_REQUEST" -s 9 -e wait "$socket" REQUEST_METHOD=POST \
			CONTENT_LENGTH=${#generic} <"$dir/body" >"$dir/out" 2>"$dir/err"
		read_answer
	fi
	refused_like 408 '.+'
	nothing_recorded
}

@test "400 for a body that is not JSON, or no object" {
	local body
	for body in '' x '{' '[]' null '"x"' 1 true; do
		row "$body"
		post "$body"
		refused_like 400 'Invalid JSON body: .+'
	done
}

@test "400 without a source" {
	local body
	for body in '{}' '{"event":"test","data":{}}' '{"source":"other","event":"x","data":{}}' \
		'{"source":1,"event":"x","data":{}}' '{"source":null,"event":"x","data":{}}' \
		'{"source":"Generic","event":"x","data":{}}' '{"source":"agentgate\u0000","event":"x","data":{}}'; do
		row "$body"
		post "$body"
		refused 400 "$sourceless"
	done
	nothing_recorded
}

@test "500 when the source has no secret, whatever else is wrong" {
	without AGENTGATE_WEBHOOK_SECRET
	with FORMBRIDGE_WEBHOOK_SECRET=
	post '{"source":"agentgate"}'
	refused 500 'Webhook secret not configured for source: agentgate'
	deliver agentgate '{"source":"agentgate","event":"test","data":{}}'
	refused 500 'Webhook secret not configured for source: agentgate'
	deliver formbridge '{"source":"formbridge"}'
	refused 500 'Webhook secret not configured for source: formbridge'
	nothing_recorded
}

@test "401 without the right signature" {
	post '{"source":"agentgate","event":"test","data":{}}'
	refused 401 'Invalid webhook signature'
	post '{"source":"formbridge"}' HTTP_X_FORMBRIDGE_SIGNATURE=sha256=00
	refused 401 'Invalid webhook signature'
	nothing_recorded
}

@test "400 without an event name" {
	local event
	for event in '' ',"event":""' ',"event":null' ',"event":1' ',"event":["e"]' ',"event":{}' ',"event":true'; do
		row "$event"
		post "{\"source\":\"generic\"$event,\"data\":{}}"
		refused 400 'Missing event field'
	done
	nothing_recorded
}

@test "an event name has at most 256 bytes and no control character" {
	local name event
	printf -v name '%0256d' 0
	post "{\"source\":\"generic\",\"event\":\"$name\",\"data\":{}}"
	recorded custom
	for event in "0$name" 'a\nb' 'a\u0000b' '\u007f' '\u0085'; do
		row "$event"
		post "{\"source\":\"generic\",\"event\":\"$event\",\"data\":{}}"
		refused_like 400 '.*event.*'
	done
	counted events 1
}

@test "400 without data, or with data of another kind" {
	local data
	for data in '' ',"data":null' ',"data":[]' ',"data":"{}"' ',"data":1' ',"data":true'; do
		row "$data"
		post "{\"source\":\"generic\",\"event\":\"e\"$data}"
		refused 400 'Missing or invalid data field'
	done
	nothing_recorded
}

@test "400 for an event that the source does not have" {
	deliver agentgate '{"source":"agentgate","event":"request.exploded","data":{}}'
	refused 400 "Unknown event type 'request.exploded' for source 'agentgate'"
	deliver agentgate '{"source":"agentgate","event":"submission.created","data":{}}'
	refused 400 "Unknown event type 'submission.created' for source 'agentgate'"
	deliver formbridge '{"source":"formbridge","event":"request.created","data":{}}'
	refused 400 "Unknown event type 'request.created' for source 'formbridge'"
	deliver agentgate '{"source":"agentgate","event":"toString","data":{}}'
	refused 400 "Unknown event type 'toString' for source 'agentgate'"
	counted events 0
}

@test "the name of an unknown event is cut between characters" {
	local name
	printf -v name '%159s' ''
	name=${name// /x}
	deliver agentgate "{\"source\":\"agentgate\",\"event\":\"${name}éééé\",\"data\":{}}"
	refused 400 "Unknown event type '$name' for source 'agentgate'"
	deliver agentgate "{\"source\":\"agentgate\",\"event\":\"${name}x\",\"data\":{}}"
	refused 400 "Unknown event type '${name}x' for source 'agentgate'"
	deliver agentgate "{\"source\":\"agentgate\",\"event\":\"${name:0:157}€éé\",\"data\":{}}"
	refused 400 "Unknown event type '${name:0:157}€' for source 'agentgate'"
}

@test "400 that names a field of the wrong kind" {
	deliver agentgate '{"source":"agentgate","event":"request.created","data":{"requestId":7}}'
	refused 400 "Field 'requestId' must be a string"
	counted events 0
}

@test "401 for an unsigned event of a product's type" {
	post '{"source":"generic","event":"e","data":{"eventType":"approval_granted"}}'
	refused 401 "Event type 'approval_granted' needs a signed delivery"
	nothing_recorded
}

@test "422 for a key that was used before with another body" {
	post "$generic" HTTP_IDEMPOTENCY_KEY=k1
	recorded custom
	post "$generic " HTTP_IDEMPOTENCY_KEY=k1
	refused 422 'Idempotency key was used before with another body'
	counted events 1
}

@test "503 with Retry-After while another program writes" {
	with INGEST_BUSY_MS=100
	post "$generic"
	recorded custom
	lock_database
	post "$generic"
	answered 503
	matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
	counted events 1
	unlock_database
	post "$generic"
	recorded custom
	counted events 2
}

@test "503 with Retry-After when the file is read-only" {
	post "$generic"
	recorded custom
	stop
	read_only_database
	post "$generic"
	answered 503
	matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
	chmod 0700 "$dir/closed"
	counted events 1
}

@test "503 with Retry-After when the disk is full" {
	small_disk 512k
	printf '{"source":"generic","event":"e","data":{"type":"t","data":"%*s"}}' 9000 '' >"$dir/body"
	local i
	for i in {1..60}; do
		post_file "$dir/body"
		[ "$code" = 201 ] || break
	done
	answered 503
	matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
	[ "$i" -gt 1 ]
}

@test "503 with Retry-After when the folder is missing" {
	with DB_PATH="$dir/missing/agentlens.db"
	post "$generic"
	answered 503
	matches Retry-After '[1-9][0-9]*' "$(header Retry-After)"
	[ ! -e "$dir/missing" ]
}

@test "a file that is no database is left alone" {
	printf 'This is not a database, and precious. %1000s' '' >"$db"
	cp "$db" "$dir/copy"
	post "$generic"
	matches status '50[03]' "$code"
	cmp "$db" "$dir/copy"
}

@test "the first failure answers" {
	# JSON before source, source before secret, secret before signature,
	# signature before event, event before data, data before mapping.
	without FORMBRIDGE_WEBHOOK_SECRET
	post '{"source":"formbridge"' HTTP_X_AGENTGATE_SIGNATURE=00
	refused_like 400 'Invalid JSON body: .+'
	post '{"source":"formbridge"}' HTTP_X_AGENTGATE_SIGNATURE=00
	refused 500 'Webhook secret not configured for source: formbridge'
	post '{"source":"agentgate"}' HTTP_X_AGENTGATE_SIGNATURE=00
	refused 401 'Invalid webhook signature'
	deliver agentgate '{"source":"agentgate","data":[]}'
	refused 400 'Missing event field'
	deliver agentgate '{"source":"agentgate","event":"x","data":[]}'
	refused 400 'Missing or invalid data field'
	deliver agentgate '{"source":"agentgate","event":"x","data":{"requestId":1},"timestamp":"x"}'
	refused 400 "Unknown event type 'x' for source 'agentgate'"
	counted events 0
}
