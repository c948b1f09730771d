# Third-party senders: every handed signature and delivery, and what holds for
# all of them.  tests/unit/senders.c tries the same from inside.
#
# run: cgi fcgi, 60 s

load ../lib/helper

captures=$SOURCE_DIR/tests/captures/third-party
github_secret="It's a Secret to Everybody"

# at SECONDS: the time for what is started from now on.
at() {
	not_sanitized
	with LD_PRELOAD="$CLOCK" CLOCK_NOW="$1"
	restart
}

# upper NAME: as settings have it.
upper() {
	tr a-z- A-Z_ <<<"$1"
}

# read_headers FILE: leaves them in headers_given, as the variables of a request.
read_headers() {
	local name value
	headers_given=()
	while IFS= read -r line; do
		name=${line%%: *} value=${line#*: }
		case ${name,,} in
		content-type) headers_given+=("CONTENT_TYPE=$value") ;;
		*) headers_given+=("HTTP_$(upper "$name")=$value") ;;
		esac
	done <"$1"
}

# send SENDER FILE [NAME=VALUE...]: posts the bytes of a file to a sender's path.
send() {
	post_file "$2" PATH_INFO="/$1" "${@:3}"
}

# send_text SENDER BODY [NAME=VALUE...]
send_text() {
	printf %s "$2" >"$dir/body"
	send "$1" "$dir/body" "${@:3}"
}

# github BODY [NAME=VALUE...]: a signed delivery of GitHub's.
github() {
	printf %s "$1" >"$dir/body"
	send github "$dir/body" HTTP_X_GITHUB_EVENT=push HTTP_X_HUB_SIGNATURE_256="sha256=$(sign "$github_secret" <"$dir/body")" "${@:2}"
}

# taken TYPE [SESSION]: as recorded, with a 200.
taken() {
	answered 200
	matches answer "\{\"ok\":true,\"eventId\":\"$ulid\",\"eventType\":\"$1\",\"sessionId\":\".*\"\}" "$answer"
	event_id=${answer#*'"eventId":"'} event_id=${event_id%%'"'*}
	session=${answer#*'"sessionId":"'} session=${session%'"'*}
	[ $# -lt 2 ] || equal sessionId "$2" "$session"
}

# again ANSWER: the first answer, and the header that says so.
again() {
	answered 200
	equal answer "$1" "$answer"
	equal Idempotent-Replayed true "$(header Idempotent-Replayed)"
}

# verified: agentlens-log finds nothing wrong.
verified() {
	stop
	env -i "${settings[@]}" "$AGENTLENS_LOG" verify -d "$db" >"$dir/verified" ||
		{ cat "$dir/verified"; return 1; }
}

# vector NUMBER COLUMN: of vectors.json.
vector() {
	sqlite3 -batch :memory: "SELECT json_extract(readfile('$captures/vectors.json'), '\$[$1].$2')"
}

@test "46 signatures: valid ones are not 401" {
	local n name sender secret now valid
	equal vectors 46 "$(sqlite3 -batch :memory: "SELECT json_array_length(readfile('$captures/vectors.json'))")"
	for n in {0..45}; do
		name=$(vector "$n" name) sender=$(vector "$n" sender) secret=$(vector "$n" secret)
		now=$(vector "$n" now) valid=$(vector "$n" valid)
		row "$name"
		rm -f "$db"*
		settings=("${settings[@]:0:6}")
		at "${now:-1785600000}"
		with "$(upper "$sender")_WEBHOOK_SECRET=$secret"
		[ "$name" != grafana-timestamp ] ||
			with GRAFANA_SIGNATURE_HEADER=X-Signature GRAFANA_TIMESTAMP_HEADER=X-Timestamp
		# Another algorithm.
		[ "$name" != standard-webhooks-ed25519 ] || valid=0
		sqlite3 -batch :memory: "SELECT writefile('$dir/body', json_extract(readfile('$captures/vectors.json'), '\$[$n].body'))" >/dev/null
		sqlite3 -batch -separator ': ' :memory: "SELECT key, value FROM json_each(readfile('$captures/vectors.json'), '\$[$n].headers')" >"$dir/headers"
		read_headers "$dir/headers"
		send "$sender" "$dir/body" "${headers_given[@]}"
		if [ "$valid" = 1 ]; then
			[ "$code" = 200 ] || [ "$code" = 400 ] || { show_reply; return 1; }
			[ "$code" = 200 ] || equal reason bad-json "$(query "SELECT substr(reason, 1, 8) FROM ingest_deliveries")"
		else
			answered 401
			[ ! -s "$db" ] || equal reasons "$(query 'SELECT count(*) FROM ingest_deliveries')" \
				"$(query "SELECT count(*) FROM ingest_deliveries WHERE substr(reason, 1, 5) = 'stale'")"
		fi
	done
}

# expected FILE NAME: a line of what should become of a delivery.
expected() {
	sed -n "s/^$2: //p" "$1"
}

@test "26 deliveries: event, session, payload and answer" {
	local file kind sender name count=0 first
	at 1785600000
	while read -r sender name secret; do
		with "$(upper "${sender%-form}")_WEBHOOK_SECRET=$secret"
	done < <(sqlite3 -batch -separator ' ' :memory: "SELECT json_extract(value, '\$.sender'), json_extract(value, '\$.name'), json_extract(value, '\$.secret') FROM json_each(readfile('$captures/manifest.json'))")
	for file in "$captures"/*/*.body; do
		file=${file%.body} sender=$(basename "$(dirname "$file")")
		sender=${sender%-form}
		row "$file"
		read_headers "$file.headers"
		send "$sender" "$file.body" "${headers_given[@]}"
		count=$((count + 1))
		if [ -f "$file.answer" ]; then
			answered 200
			equal answer "$(cat "$file.answer")" "$answer"
			continue
		fi
		taken custom
		stored session_id "$(expected "$file.event" session)"
		stored payload "$(expected "$file.event" payload)"
		agent=$(expected "$file.event" agent)
		stored agent_id "${agent:-external}"
		equal metadata "{\"source\":\"$sender\",\"webhookEvent\":\"$(expected "$file.event" name)\"}" "$(column metadata)"
		# Once, unless its repeats are news.
		first=$answer
		send "$sender" "$file.body" "${headers_given[@]}"
		[ "$sender" = alertmanager ] || again "$first"
		query "SELECT writefile('$dir/stored', body) FROM ingest_deliveries WHERE event_id = '$event_id'" >/dev/null
		cmp "$dir/stored" "$file.body"
	done
	equal deliveries 26 "$count"
	chain_intact
	verified
}

@test "a path without a secret is 404, and the log names the setting" {
	local name setting
	while read -r name setting; do
		row "$name"
		send_text "$name" '{}'
		refused 404 'Not found'
		grep -q "status=404 source=$name .*missing=$setting " "$dir/err"
	done <<'END'
github GITHUB_WEBHOOK_SECRET
gitlab-token GITLAB_TOKEN_WEBHOOK_SECRET
standard-webhooks STANDARD_WEBHOOKS_WEBHOOK_SECRET
END
	for name in GitHub github/x x generic agentgate; do
		row "$name"
		send_text "$name" '{}'
		refused 404 'Not found'
	done
	nothing_recorded
}

@test "the path comes from PATH_INFO or from the URI" {
	with GITHUB_WEBHOOK_SECRET="$github_secret"
	local n=0 uri
	github '{"n":0}' PATH_INFO=/github/
	taken custom
	for uri in /api/events/ingest/github /api/events/ingest/github/ '/api/events/ingest/github?x=/gitlab' \
		/site/api/events/ingest/github; do
		row "$uri"
		github "{\"n\":$((++n))}" PATH_INFO= REQUEST_URI="$uri"
		taken custom
		github "{\"n\":$((++n))}" PATH_INFO= REQUEST_URI="$uri" SCRIPT_NAME="${uri%%'?'*}"
		taken custom
	done
	github "{\"n\":$((++n))}" PATH_INFO= REQUEST_URI=/hooks/github SCRIPT_NAME=/hooks
	taken custom
	github "{\"n\":$((++n))}" PATH_INFO= REQUEST_URI=/hooks/github SCRIPT_NAME=/hooks/github
	taken custom
	github '{}' PATH_INFO= REQUEST_URI=/api/events/ingest/gihtub
	refused 404 'Not found'
	# Where nothing tells the endpoint, its last step may be anything.
	post '{"source":"generic","event":"e","data":{}}' PATH_INFO= REQUEST_URI=/hooks/events SCRIPT_NAME=/hooks/events
	recorded custom
	request GET PATH_INFO=/github </dev/null
	refused 405 'Method not allowed'
}

@test "a bad signature is 401, and the log says what was wrong" {
	with GITHUB_WEBHOOK_SECRET="$github_secret"
	send_text github '{}'
	refused 401 'Invalid webhook signature'
	grep -q 'signature=missing header=X-Hub-Signature-256 ' "$dir/err"
	send_text github '{}' HTTP_X_HUB_SIGNATURE_256="sha256=$(printf %064d 0)"
	refused 401 'Invalid webhook signature'
	grep -q 'signature=mismatch header=X-Hub-Signature-256 ' "$dir/err"
	# That of the body itself, but in another sender's form.
	send_text github '{}' HTTP_X_HUB_SIGNATURE_256="$(printf '{}' | sign "$github_secret")"
	refused 401 'Invalid webhook signature'
	grep -q 'signature=malformed ' "$dir/err"
	nothing_recorded
}

@test "a secret and the one before it, a tenant" {
	with GITHUB_WEBHOOK_SECRET=newer-secret-0123456789 GITHUB_WEBHOOK_SECRET_PREVIOUS="$github_secret" GITHUB_TENANT_ID=acme
	github '{"n":1}'
	taken custom
	stored tenant_id acme
	without GITHUB_WEBHOOK_SECRET_PREVIOUS
	restart
	github '{"n":2}'
	answered 401
}

@test "what nobody has heard of is recorded, and a body that is none is kept" {
	with GITHUB_WEBHOOK_SECRET="$github_secret"
	github '{"n":1}' HTTP_X_GITHUB_EVENT=
	taken custom
	stored payload '{"type":"github.unknown","data":{"n":1}}'
	github '{"action":"x"}' HTTP_X_GITHUB_EVENT=flux_capacitor
	taken custom
	equal type github.flux_capacitor.x "$(column "json_extract(payload, '\$.type')")"
	local body
	# One without a byte is not kept.
	for body in '' '[]' '{"n":NaN}' 'payload=%7B' 'payload' 'a=b' 'null'; do
		row "$body"
		github "$body"
		refused_like 400 'Invalid JSON body: .+'
		github "$body"
		refused_like 400 'Invalid JSON body: .+'
	done
	equal kept 6 "$(query "SELECT count(*) FROM ingest_deliveries WHERE reason LIKE 'bad-json%'")"
	github 'payload=%7B%22ref%22%3A%22x%22%7D'
	taken custom
	verified
}

@test "sent again: by its bytes, whatever an unsigned id says" {
	with GITHUB_WEBHOOK_SECRET="$github_secret" INGEST_LOG=info
	local first second
	github '{"ref":"a"}' HTTP_X_GITHUB_DELIVERY=1
	taken custom
	first=$answer
	github '{"ref":"a"}' HTTP_X_GITHUB_DELIVERY=1
	again "$first"
	github '{"ref":"a"}' HTTP_X_GITHUB_DELIVERY=2
	again "$first"
	# The repeat has not taken the id, and the first one's keeps nothing out.
	github '{"ref":"b"}' HTTP_X_GITHUB_DELIVERY=2
	taken custom
	fails grep -q note= "$dir/err"
	github '{"ref":"c"}' HTTP_X_GITHUB_DELIVERY=1
	taken custom
	grep -q ' note=id-reused' "$dir/err"
	second=$answer
	github '{"ref":"c"}' HTTP_X_GITHUB_DELIVERY=1
	again "$second"
	counted events 3
	counted ingest_deliveries 3
	verified
}

# standard BODY ID [TIME]: a signed delivery of Standard Webhooks.
standard() {
	local time=${3-1785600000}
	send_text standard-webhooks "$1" HTTP_WEBHOOK_ID="$2" HTTP_WEBHOOK_TIMESTAMP="$time" \
		HTTP_WEBHOOK_SIGNATURE="v1,$(printf %s "$2.$time.$1" | openssl dgst -sha256 -hmac 0123456789abcdefghij -binary | base64)"
}

@test "sent again: by its id, where that is signed" {
	at 1785600000
	with STANDARD_WEBHOOKS_WEBHOOK_SECRET="whsec_$(printf 0123456789abcdefghij | base64)"
	local first
	standard '{"type":"a"}' 1
	taken custom standard-webhooks:1
	first=$answer
	standard '{"type":"a"}' 1 1785600100
	again "$first"
	# Other bytes under it: the first answer, and they are kept, once.
	standard '{"type":"b"}' 1
	again "$first"
	standard '{"type":"b"}' 1
	again "$first"
	equal reason key-reused "$(query 'SELECT reason FROM ingest_deliveries WHERE reason IS NOT NULL')"
	counted ingest_deliveries 2
	standard '{"type":"a"}' 2
	taken custom standard-webhooks:2
	counted events 2
	verified
}

@test "outside the window: 401, kept as stale; the edges are inside" {
	at 1785600000
	with STANDARD_WEBHOOKS_WEBHOOK_SECRET="whsec_$(printf 0123456789abcdefghij | base64)"
	local time first
	for time in 1785599700 1785600300; do
		standard '{}' "$time" "$time"
		taken custom
	done
	for time in 1785599699 1785600301 0; do
		row "$time"
		standard '{}' "$time" "$time"
		refused 401 'Webhook timestamp is outside the window of 300 s'
		standard '{}' "$time" "$time"
		refused 401 'Webhook timestamp is outside the window of 300 s'
		equal reason "stale: 300 s" "$(query 'SELECT reason FROM ingest_deliveries ORDER BY id DESC LIMIT 1')"
	done
	counted ingest_deliveries 5
	# What was recorded in time is answered as then.
	standard '{}' x 1785600000
	first=$answer
	standard '{}' x 1785500000
	again "$first"
	# What came too late can come in time, and is an event then.
	standard '{}' 0 1785600000
	taken custom
	counted ingest_deliveries 6
	counted events 4
	with STANDARD_WEBHOOKS_WINDOW_S=10
	restart
	standard '{}' y 1785599990
	taken custom
	standard '{}' z 1785599989
	refused 401 'Webhook timestamp is outside the window of 10 s'
	verified
}

# linear BODY
linear() {
	send_text linear "$1" HTTP_LINEAR_SIGNATURE="$(printf %s "$1" | sign linear-secret-0123456789)"
}

@test "a time in the body is in milliseconds, and is no news by itself" {
	at 1785600000
	with LINEAR_WEBHOOK_SECRET=linear-secret-0123456789
	linear '{"type":"Issue","action":"update","data":{"id":"1"},"webhookTimestamp":1785600000000}'
	taken custom linear:1
	local first=$answer
	linear '{"type":"Issue","action":"update","data":{"id":"1"},"webhookTimestamp":1785600001000}'
	again "$first"
	linear '{"type":"Issue","action":"update","data":{"id":"2"},"webhookTimestamp":1785600060000}'
	taken custom linear:2
	linear '{"type":"Issue","action":"update","data":{"id":"3"},"webhookTimestamp":1785600061000}'
	refused 401 'Webhook timestamp is outside the window of 60 s'
	verified
}

@test "the secret of a token sender is nowhere in the file" {
	with ALERTMANAGER_WEBHOOK_SECRET=alert-token-0123456789 GITLAB_TOKEN_WEBHOOK_SECRET=gitlab-token-0123456789
	local first
	send_text alertmanager '{"status":"firing","groupKey":"g"}' HTTP_AUTHORIZATION='Bearer alert-token-0123456789'
	taken custom alertmanager:g
	# Its repeats are news.
	send_text alertmanager '{"status":"firing","groupKey":"g"}' HTTP_AUTHORIZATION='bearer alert-token-0123456789'
	taken custom alertmanager:g
	equal Idempotent-Replayed '' "$(header Idempotent-Replayed)"
	send_text alertmanager '{"status":"firing"}' HTTP_AUTHORIZATION='Bearer alert-token-012345678'
	refused 401 'Invalid webhook signature'
	send_text alertmanager '{"status":"firing"}' HTTP_AUTHORIZATION='alert-token-0123456789'
	refused 401 'Invalid webhook signature'
	send_text gitlab-token '{"object_kind":"push"}' HTTP_X_GITLAB_TOKEN=gitlab-token-0123456789 HTTP_IDEMPOTENCY_KEY=1
	taken custom
	first=$answer
	send_text gitlab-token '{"object_kind":"push"}' HTTP_X_GITLAB_TOKEN=gitlab-token-0123456789 HTTP_IDEMPOTENCY_KEY=1
	again "$first"
	send_text gitlab-token '{"object_kind":"push"}' HTTP_X_GITLAB_TOKEN=gitlab-token-0123456789 HTTP_IDEMPOTENCY_KEY=2
	taken custom
	equal signatures 0 "$(query 'SELECT count(signature) FROM ingest_deliveries')"
	stop
	fails grep -qa token-0123456789 "$db"*
	verified
}

@test "handshakes are answered, and nothing is recorded" {
	at 1785600000
	with SLACK_WEBHOOK_SECRET=slack-secret-0123456789 ZOOM_WEBHOOK_SECRET=zoom-secret-0123456789
	local body='{"type":"url_verification","challenge":"a\"b"}'
	send_text slack "$body" HTTP_X_SLACK_REQUEST_TIMESTAMP=1785600000 \
		HTTP_X_SLACK_SIGNATURE="v0=$(printf 'v0:1785600000:%s' "$body" | sign slack-secret-0123456789)"
	answered 200
	equal answer '{"challenge":"a\"b"}' "$answer"
	body='{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}'
	send_text zoom "$body" HTTP_X_ZM_REQUEST_TIMESTAMP=1785600000 \
		HTTP_X_ZM_SIGNATURE="v0=$(printf 'v0:1785600000:%s' "$body" | sign zoom-secret-0123456789)"
	answered 200
	equal answer "{\"plainToken\":\"abc\",\"encryptedToken\":\"$(printf abc | sign zoom-secret-0123456789)\"}" "$answer"
	send_text zoom "$body" HTTP_X_ZM_REQUEST_TIMESTAMP=1785600000 HTTP_X_ZM_SIGNATURE="v0=$(printf %064d 0)"
	answered 401
	nothing_recorded
	[ ! -s "$db" ] || counted ingest_deliveries 0
}

@test "GITHUB_APPROVALS: off by default; on, deployment reviews are approvals" {
	local file on type
	at 1785600000
	with GITHUB_WEBHOOK_SECRET="$github_secret"
	for on in off on; do
		with GITHUB_APPROVALS="$on"
		restart
		rm -f "$db"*
		for file in "$captures"/github/deployment_review.*.body; do
			file=${file%.body}
			row "$on: $file"
			read_headers "$file.headers"
			send github "$file.body" "${headers_given[@]}"
			type=$(expected "$file.approval" type)
			[ "$on" = on ] || type=custom
			taken "$type"
			[ "$on" = off ] || stored payload "$(expected "$file.approval" payload)"
			stored "json_extract(metadata, '\$.source')" github
		done
	done
	# Both are of one request, and a body tells it, not the header.
	equal requests 1 "$(query "SELECT count(DISTINCT json_extract(payload, '\$.requestId')) FROM events")"
	github '{"action":"approved","n":1}' HTTP_X_GITHUB_EVENT=deployment_review
	taken custom
	verified
}

@test "one's own sender, in the environment and in the file" {
	at 1785600000
	with SENDER_ACME_TWO_SIGNATURE_HEADER=X-Acme-Signature SENDER_ACME_TWO_PREFIX=sha256= \
		SENDER_ACME_TWO_ENCODING=hex SENDER_ACME_TWO_SIGNED='{timestamp}.{body}' \
		SENDER_ACME_TWO_TIMESTAMP=h:X-Acme-Time SENDER_ACME_TWO_SECRET=acme-secret-0123456789
	cat >"$dir/settings.conf" <<'END'
SENDER_ACME_TWO_EVENT=b:kind
SENDER_ACME_TWO_ID=b:meta.id
SENDER_ACME_TWO_SESSION=b:meta.order
SENDER_ACME_TWO_TENANT_ID=tenant-a
END
	local body='{"kind":"sold","meta":{"id":"1","order":"o7"}}'
	acme() {
		send_text acme-two "$1" HTTP_X_ACME_TIME=1785600000 \
			HTTP_X_ACME_SIGNATURE="sha256=$(printf %s "1785600000.$1" | sign acme-secret-0123456789)"
	}
	acme "$body"
	taken custom acme-two:o7
	stored payload "{\"type\":\"acme-two.sold\",\"data\":$body}"
	stored tenant_id tenant-a
	equal metadata '{"source":"acme-two","webhookEvent":"acme-two.sold"}' "$(column metadata)"
	local first=$answer
	acme "$body"
	again "$first"
	send_text acme-two "$body" HTTP_X_ACME_TIME=1785600001 \
		HTTP_X_ACME_SIGNATURE="sha256=$(printf %s "1785600000.$body" | sign acme-secret-0123456789)"
	answered 401
	verified
}

@test "one's own sender: what is wrong is an error that names the setting" {
	local setting sentence where
	while IFS='|' read -r setting sentence; do
		for where in environment file; do
			row "$where: $setting"
			settings=("${settings[@]:0:6}")
			: >"$dir/settings.conf"
			with SENDER_ACME_SIGNATURE_HEADER=X-Acme SENDER_ACME_SECRET=acme-secret-0123456789
			if [ "$where" = file ]; then
				echo "$setting" >"$dir/settings.conf"
			else
				with "$setting"
			fi
			! env -i "${settings[@]}" "$INGEST" --check >"$dir/out" 2>&1 || return 1
			grep -qF "$sentence" "$dir/out" || { cat "$dir/out"; return 1; }
		done
	done <<'END'
SENDER_ACME_COLOUR=red|unknown setting SENDER_ACME_COLOUR
SENDER_GITHUB_SECRET=x|SENDER_GITHUB_SECRET: the name github is taken
SENDER_GITLAB_TOKEN_SECRET=x|the name gitlab-token is taken
SENDER_HEALTH_SECRET=x|the name health is taken
SENDER_acme_SECRET=x|SENDER_acme_SECRET names no sender
SENDER_ACME_ENCODING=base32|SENDER_ACME_ENCODING must be one of: hex, base64
SENDER_ACME_SIGNED={id}|SENDER_ACME_SIGNED must have {body} in it
SENDER_ACME_SIGNED={body}{nonce}|SENDER_ACME_SIGNED: {nonce} is none of
SENDER_ACME_SIGNED={timestamp}.{body}|SENDER_ACME_TIMESTAMP is not set
SENDER_OTHER_SECRET=x|SENDER_OTHER_SIGNATURE_HEADER is not set
SENDER_OTHER_SIGNATURE_HEADER=X-O|SENDER_OTHER_SECRET is not set
GRAFANA_SIGNATURE_HEADER=a b|GRAFANA_SIGNATURE_HEADER must be the name of a header field
SLACK_WINDOW_S=0|SLACK_WINDOW_S must be a whole number from 1
END
}

@test "agentlens-log sign --as makes what each sender sends" {
	local name secret count=0
	while IFS='|' read -r _ name _; do
		name=${name// /}
		secret=$name-secret-0123456789
		[[ $name != gitlab && $name != standard-webhooks && $name != svix && $name != openai && $name != anthropic ]] ||
			secret=whsec_$(printf %s "$secret" | base64 -w 0)
		with "$(upper "$name")_WEBHOOK_SECRET=$secret"
		names+=("$name")
	done < <("$INGEST" --print-mapping | sed -n '/^| sender/,/^$/{/^| [a-z-]* | \(HMAC\|the secret\)/p}')
	equal senders 22 "${#names[@]}"
	with SENDER_ACME_SIGNATURE_HEADER=X-Acme SENDER_ACME_SECRET=acme-secret-0123456789 SENDER_ACME_ID=h:X-Acme-Id \
		SENDER_ACME_TIMESTAMP='h:X-Acme-Time ms' SENDER_ACME_SIGNED='{id}{timestamp}{body}' SENDER_ACME_ENCODING=base64
	for name in "${names[@]}" acme; do
		row "$name"
		printf '{"type":"a","action":"b","n":"%s","webhookTimestamp":%s000}' "$name" "$(date +%s)" >"$dir/signed"
		env -i "${settings[@]}" "$AGENTLENS_LOG" sign --as "$name" --event ping "$dir/signed" >"$dir/headers"
		read_headers "$dir/headers"
		send "$name" "$dir/signed" "${headers_given[@]}"
		taken custom
		count=$((count + 1))
		printf x >>"$dir/signed"
		[ "$name" = gitlab-token ] || [ "$name" = alertmanager ] || {
			send "$name" "$dir/signed" "${headers_given[@]}"
			refused 401 'Invalid webhook signature'
		}
	done
	equal senders 23 "$count"
	equal event github.ping.b "$(query "SELECT json_extract(metadata, '\$.webhookEvent') FROM events WHERE session_id LIKE 'github:%'")"
	verified
}
