# The whole way through a web server: lighttpd with examples/lighttpd.conf, and
# curl as the sender.
#
# run: once, 8 s

load ../lib/helper

captures=$SOURCE_DIR/tests/captures
agentgate_secret=ag-capture-secret-0123456789abcdefghij
notify_secret=ag-notify-secret-0123456789abcdefghij
formbridge_secret=fb-capture-secret-0123456789

# serve: starts lighttpd on a free port; $url is the endpoint.
serve() {
	PATH=$PATH:/usr/local/sbin:/usr/sbin
	command -v lighttpd >/dev/null || skip 'lighttpd is not installed'
	command -v curl >/dev/null || skip 'curl is not installed'
	run_dir=$dir/run
	mkdir -p "$run_dir/htdocs"
	printf '%s=%s\n' DB_PATH "$db" AGENTGATE_WEBHOOK_SECRET "$agentgate_secret" \
		AGENTGATE_WEBHOOK_SECRET_PREVIOUS "$notify_secret" \
		FORMBRIDGE_WEBHOOK_SECRET "$formbridge_secret" INGEST_LOG debug "$@" >"$dir/settings.conf"
	local tries
	for tries in {1..20}; do
		port=$((20000 + RANDOM))
		PROGRAM=$INGEST BIND=127.0.0.1 PORT=$port RUN_DIR=$run_dir SETTINGS=$dir/settings.conf \
			lighttpd -D -f "$SOURCE_DIR/examples/lighttpd.conf" >"$dir/lighttpd" 2>&1 </dev/null 3>&- &
		lighttpd=$!
		until_true settled
		! kill -0 "$lighttpd" 2>/dev/null || break
	done
	url=http://127.0.0.1:$port/api/events/ingest
	kill -0 "$lighttpd"
}

# settled: lighttpd listens, or has ended because the port was taken.
settled() {
	! kill -0 "$lighttpd" 2>/dev/null || (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

teardown() {
	[ -z "${lighttpd-}" ] || { kill "$lighttpd" && wait "$lighttpd"; } 2>/dev/null || :
	[ ! -s "$dir/run/lighttpd.log" ] || sed 's/^/lighttpd.log: /' "$dir/run/lighttpd.log"
}

# http [OPTION...]: one request with curl; the answer as in the other files.
http() {
	local - && set +T
	curl --silent --show-error --noproxy '*' --max-time 60 --output "$dir/out.body" \
		--dump-header "$dir/out.head" "$@" "${target-$url}" 2>"$dir/err" || { cat "$dir/err"; return 1; }
	headers=$(tr -d '\r' <"$dir/out.head" | sed 1d)$'\n'
	code=$(awk '/^HTTP/ { code = $2 } END { print code }' "$dir/out.head")
	phrase=
	answer=$(cat "$dir/out.body")
}

# http_post BODY [OPTION...]
http_post() {
	local - && set +T
	printf %s "$1" >"$dir/body"
	http --data-binary "@$dir/body" -H 'Content-Type: application/json' "${@:2}"
}

signature() {
	printf %s "$2" | sign "$1"
}

# replay NAME: sends a capture again, with the headers that it came with.
replay() {
	local - && set +T
	local line options=()
	while IFS= read -r line; do
		line=${line%$'\r'}
		case ${line,,} in
		'' | 'post '* | host:* | connection:* | content-length:*) ;;
		*) options+=(-H "$line") ;;
		esac
	done <"$captures/$1.headers"
	http --data-binary "@$captures/$1.body" -H 'Expect:' "${options[@]}"
}

# part NAME BEFORE AFTER: the text of a capture's body between two others.
part() {
	local body
	body=$(cat "$captures/$1.body")
	body=${body#*"$2"}
	printf %s "${body%%"$3"*}"
}

# holds NAME TYPE SESSION AGENT TIME REPORTED PAYLOAD METADATA: the event that
# was just recorded from a capture.  On a machine whose clock is behind the
# captures' their time is in the future, and moved.
holds() {
	recorded "$2" "$3"
	stored event_type "$2"
	stored session_id "$session"
	stored agent_id "$4"
	stored severity info
	stored tenant_id default
	stored payload "$7"
	if [[ $5 < $(date -u +%Y-%m-%dT%H:%M:%S.%3NZ) ]]; then
		stored timestamp "$5"
		stored metadata "$8"
	else
		stored metadata "${8%\}},\"reportedTimestamp\":$6}"
	fi
	local name=$captures/$1
	query "SELECT writefile('$dir/raw', body) FROM ingest_deliveries WHERE event_id = '$event_id'"
	cmp "$dir/raw" "$name.body"
	equal delivery "${1%%/*}|127.0.0.1|$(tr -d '\r' <"$name.headers" | sed -nE 's/^X-(AgentGate|FormBridge)-Signature: (sha256=)?//p')" \
		"$(query "SELECT source, remote_addr, signature FROM ingest_deliveries WHERE event_id = '$event_id'")"
}

# agentgate_holds NAME TYPE SESSION AGENT MS EVENT PAYLOAD [CONTEXT]
agentgate_holds() {
	local name=agentgate/$1 ms=$5
	row "$name"
	replay "$name"
	holds "$name" "$2" "$3" "$4" "$(date -u -d "@${ms%???}.${ms: -3}" +%Y-%m-%dT%H:%M:%S.%3NZ)" "$ms" \
		"$7" "{\"source\":\"agentgate\",\"webhookEvent\":\"$6\"${8:+,$8}}"
}

# formbridge_holds NAME TYPE STATE AGENT TIME PAYLOAD: the payload without its
# first member.
formbridge_holds() {
	local name=formbridge/$1 id
	row "$name"
	id=$(part "$name" '"submissionId":"' '"')
	replay "$name"
	holds "$name" "$2" "unlinked_$id" "$4" "$5" "\"$5\"" \
		"{\"submissionId\":\"$id\",$6}" "{\"source\":\"formbridge\",\"webhookEvent\":\"submission.$3\"}"
}

@test "AgentGate's recorded deliveries" {
	serve
	agentgate_holds 01-webhook-test custom unlinked_EVENT external 1795451888584 test \
		'{"type":"test","data":{"message":"This is a test webhook from AgentGate"}}'
	agentgate_holds 03-approved-manual approval_granted sess_capture_1 agent-mailer 1795451888657 request.approved \
		'{"requestId":"Tit3cQ0jDBoL2inVC1TCB","action":"send_email","decidedBy":"alice@example.com","reason":"Looks good – go","responseTimeMs":0}' \
		'"agentId":"agent-mailer","agentlens_session_id":"sess_capture_1","agentlens_agent_id":"agent-mailer"'
	agentgate_holds 06-denied-manual-noreason approval_denied unlinked_3SkoiKT3qxVLxn41w3NgZ external 1795451888772 request.denied \
		'{"requestId":"3SkoiKT3qxVLxn41w3NgZ","action":"delete_database","decidedBy":"bob","responseTimeMs":0}'
	agentgate_holds 08-approved-policy approval_granted sess_capture_2 external 1795451888834 request.approved \
		'{"requestId":"bstakA24QsD8-aWasuECs","action":"auto.ok","decidedBy":"policy","reason":"Auto-approved by policy rule matching: {\"action\":\"auto.ok\"}","responseTimeMs":0}' \
		'"agentlens_session_id":"sess_capture_2"'
	agentgate_holds 11-approved-token approval_granted sess_capture_3 external 1795451889008 request.approved \
		'{"requestId":"y3k04tOL3ADlr7L4cKEtF","action":"deploy","decidedBy":"token","reason":"Decision made via one-click approve link","responseTimeMs":1000}' \
		'"agentlens_session_id":"sess_capture_3"'
	# Node wrote this body, so its texts are what must be stored.
	local odd=agentgate/22-denied-oddchars
	agentgate_holds 22-denied-oddchars approval_denied 'sess_ödd 🚀' external 1795451892779 request.denied \
		"{\"requestId\":\"oe1AT65_ZHs5ZXmg7_8VS\",\"action\":$(part $odd '"action":' ',"params"'),\"decidedBy\":\"Zoë \\\"Z\\\" <z@example.com>\",\"reason\":\"line1\\nline2\\ttab \\u0001\",\"responseTimeMs\":0}" \
		'"agentlens_session_id":"sess_ödd 🚀","note":"x"'
	agentgate_holds 24-escalated custom unlinked_frWQ03EuNj37ME52S8R63 external 1795451918474 request.escalated \
		'{"type":"request.escalated","data":{"requestId":"frWQ03EuNj37ME52S8R63","action":"escalate.me","toChannel":"slack:#oncall","reason":"Request pending for >1s — escalated to slack:#oncall"}}'
	agentgate_holds 25-denied-escalation-fallback approval_denied sess_esc agent-esc 1795451918482 request.denied \
		'{"requestId":"frWQ03EuNj37ME52S8R63","action":"escalate.me","decidedBy":"system"}' \
		'"agentlens_session_id":"sess_esc","agentlens_agent_id":"agent-esc"'
	agentgate_holds 47-signed-notify-created approval_requested s1 external 1795451999022 request.created \
		'{"requestId":"SIGNED-created","action":"deploy","params":{"env":"prod"},"urgency":"high"}' \
		'"agentlens_session_id":"s1"'
	agentgate_holds 48-signed-notify-decided approval_granted unlinked_SIGNED-decided external 1795451999068 request.decided \
		'{"requestId":"SIGNED-decided","action":"deploy","decidedBy":"alice","reason":"ok"}'
	counted events 10
	counted ingest_deliveries 10
}

@test "FormBridge's recorded deliveries" {
	serve
	formbridge_holds 01-submitted-agent form_completed submitted agent-form-filler 2026-11-23T16:46:11.846Z \
		'"formId":"contact","completedBy":"agent-form-filler","durationMs":1236'
	formbridge_holds 02-submitted-human-mixed form_completed submitted external 2026-11-23T16:46:13.922Z \
		'"formId":"contact","completedBy":"zoë@example.com","durationMs":14'
	formbridge_holds 06-approved form_completed approved agent-form-filler 2026-11-23T16:46:18.482Z \
		'"formId":"vendor","completedBy":"agent-form-filler","durationMs":1270'
	formbridge_holds 19-finalized form_completed finalized agent-form-filler 2026-11-23T16:46:36.353Z \
		'"formId":"contact","completedBy":"agent-form-filler","durationMs":16473'
	formbridge_holds 30-state-expired form_expired expired agent-form-filler 2026-11-23T16:47:44.646Z \
		'"formId":"plain","expiredAfterMs":61'
	counted events 5
	counted ingest_deliveries 5
	chain_intact
}

@test "retries are recorded once and answered alike" {
	serve
	agentgate_holds 27-retry-a-attempt1 approval_granted unlinked_WWtU6HSoJ3_QnZGyfqPKD external 1795451892936 request.approved \
		'{"requestId":"WWtU6HSoJ3_QnZGyfqPKD","action":"auto.ok","decidedBy":"policy","reason":"Auto-approved by policy rule matching: {\"action\":\"auto.ok\"}","responseTimeMs":0}'
	local first=$answer
	replay agentgate/28-retry-a-attempt2
	answered 201
	equal answer "$first" "$answer"
	equal Idempotent-Replayed true "$(header Idempotent-Replayed)"
	formbridge_holds 08-retry-one-attempt1 form_completed submitted agent-form-filler 2026-11-23T16:46:19.875Z \
		'"formId":"contact","completedBy":"agent-form-filler","durationMs":3'
	first=$answer
	replay formbridge/09-retry-one-attempt2
	answered 201
	equal answer "$first" "$answer"
	equal Idempotent-Replayed true "$(header Idempotent-Replayed)"
	counted events 2
	counted ingest_deliveries 2
}

@test "every signed capture, twice, in the order of their names" {
	serve
	local file name n=0
	for file in "$captures"/*/*.body; do
		name=${file%.body}
		! grep -qi '^X-.*-Signature:' "$name.headers" || {
			row "$name"
			n=$((n + 1))
			replay "${name#"$captures/"}"
			answered 201
		}
	done
	equal 'signed captures' 19 "$n"
	counted events 17
	for file in "$captures"/*/*.body; do
		name=${file%.body}
		! grep -qi '^X-.*-Signature:' "$name.headers" || {
			replay "${name#"$captures/"}"
			answered 201
			equal Idempotent-Replayed true "$(header Idempotent-Replayed)"
		}
	done
	counted events 17
	chain_intact
}

@test "unsigned captures are refused, and nothing of them is kept or logged" {
	serve
	replay agentgate/02-notify-request-created
	refused 401 'Invalid webhook signature'
	replay formbridge/23-submitted-unsigned
	refused 401 'Invalid webhook signature'
	replay formbridge/07-handoff-notify
	refused 400 'Invalid or missing source. Expected source agentgate/formbridge/generic, or an X-AgentGate-Signature / X-FormBridge-Signature header.'
	[ ! -s "$db" ] || {
		counted events 0
		counted ingest_deliveries 0
	}
	grep -q 'agentlens-ingest\[[0-9]*\]: warn: ' "$run_dir/lighttpd.log"
	fails grep -e rtok_ -e resume -e sub_ -e contact -e kunde -e Tit3cQ0jDBoL2inVC1TCB -e UNSIGNED "$run_dir/lighttpd.log"
}

@test "a capture whose body was touched is refused" {
	serve
	mkdir -p "$dir/captures/agentgate"
	cp "$captures"/agentgate/03-* "$dir/captures/agentgate/"
	sed -i 's/alice/malice/' "$dir/captures/agentgate/03-approved-manual.body"
	captures=$dir/captures replay agentgate/03-approved-manual
	refused 401 'Invalid webhook signature'
	[ ! -s "$db" ] || counted events 0
}

# AgentLens's own tests of this route.

@test "AgentLens: an AgentGate webhook is taken" {
	serve
	local body='{"source":"agentgate","event":"request.created","data":{"requestId":"req_1","action":"send_email","params":{"to":"a@example.com"},"urgency":"high"},"context":{"agentlens_session_id":"sess_1","agentlens_agent_id":"agent_1"}}'
	http_post "$body" -H "X-Webhook-Signature: $(signature "$agentgate_secret" "$body")"
	recorded approval_requested sess_1
	stored payload '{"requestId":"req_1","action":"send_email","params":{"to":"a@example.com"},"urgency":"high"}'
	stored agent_id agent_1
}

@test "AgentLens: a webhook as AgentGate's server sends it" {
	serve
	local body='{"event":"request.approved","data":{"request":{"id":"req_1","action":"send_email","params":{},"context":{},"status":"approved","urgency":"normal","decidedBy":"admin","decisionReason":null}},"timestamp":1730000000000}'
	http_post "$body" -H "X-AgentGate-Signature: $(signature "$agentgate_secret" "$body")"
	recorded approval_granted unlinked_req_1
	stored timestamp 2024-10-27T03:33:20.000Z
	stored payload '{"requestId":"req_1","action":"send_email","decidedBy":"admin"}'
}

@test "AgentLens: signatures that are wrong or missing" {
	serve
	local body='{"source":"agentgate","event":"request.created","data":{"requestId":"req_1"}}'
	http_post "$body" -H "X-Webhook-Signature: $(signature wrong-secret "$body")"
	refused 401 'Invalid webhook signature'
	http_post "$body" -H 'X-Webhook-Signature: bad-signature'
	refused 401 'Invalid webhook signature'
	http_post "$body"
	refused 401 'Invalid webhook signature'
	[ ! -s "$db" ] || counted events 0
}

@test "AgentLens: an unknown event" {
	serve
	local body='{"source":"agentgate","event":"unknown.event","data":{"requestId":"req_1"}}'
	http_post "$body" -H "X-Webhook-Signature: $(signature "$agentgate_secret" "$body")"
	refused 400 "Unknown event type 'unknown.event' for source 'agentgate'"
}

@test "AgentLens: a FormBridge webhook is taken" {
	serve
	local body='{"source":"formbridge","event":"submission.created","data":{"submissionId":"sub_1","formId":"form_1","formName":"Contact","fieldCount":5}}'
	http_post "$body" -H "X-Webhook-Signature: $(signature "$formbridge_secret" "$body")"
	recorded form_submitted unlinked_sub_1
	stored payload '{"submissionId":"sub_1","formId":"form_1","formName":"Contact","fieldCount":5}'
}

@test "AgentLens: a generic webhook needs no signature" {
	serve
	http_post '{"source":"generic","event":"deploy","data":{"eventType":"custom","type":"deployment","data":{"version":"1.0"}}}'
	recorded custom unlinked_EVENT
	stored payload '{"type":"deployment","data":{"version":"1.0"}}'
}

@test "AgentLens: bodies that are refused" {
	serve
	http_post 'not json'
	refused_like 400 'Invalid JSON body: .*'
	http_post '{"event":"test","data":{}}'
	refused_like 400 'Invalid or missing source\..*'
	http_post '{"source":"generic","data":{}}'
	refused 400 'Missing event field'
	http_post '{"source":"generic","event":"test"}'
	refused 400 'Missing or invalid data field'
}

@test "AgentLens: a forged identity in the context is left out" {
	serve
	http_post '{"source":"generic","event":"test","data":{},"context":{"agentlens_session_id":"s1","verifiedAgentId":"forged","note":"kept"}}'
	recorded custom s1
	stored metadata '{"source":"generic","webhookEvent":"test","agentlens_session_id":"s1","note":"kept"}'
	stored "ifnull(verified_agent_id, 'NULL')" NULL
}

@test "health, other paths and other methods over HTTP" {
	serve
	target=$url/health http
	answered 200
	equal answer '{"status":"ok"}' "$answer"
	target=$url/health http --head
	answered 200
	# curl has put the headers there.
	fails grep -F '{' "$dir/out.body"
	target=$url/x http
	refused 404 'Not found'
	http
	refused 405 'Method not allowed'
	equal Allow POST "$(header Allow)"
	target=${url}ion http
	equal status 404 "$code"
	target=$url/ http --data-binary '{"source":"generic","event":"e","data":{}}'
	recorded custom
}

@test "large bodies over HTTP" {
	serve
	printf '{"source":"generic","event":"e","data":{"data":"%0650000d"}}' 0 >"$dir/large"
	http --data-binary "@$dir/large" -H 'Expect:'
	recorded custom
	query "SELECT writefile('$dir/raw', body) FROM ingest_deliveries"
	cmp "$dir/raw" "$dir/large"
	http --data-binary "@$dir/large" -H 'Transfer-Encoding: chunked'
	recorded custom
	printf '{"source":"generic","event":"e","data":{"data":"%01100000d"}}' 0 >"$dir/large"
	http --data-binary "@$dir/large" -H 'Expect:'
	refused 413 'Body is larger than 1048576 bytes'
	counted events 2
}

@test "the responder ends with the server" {
	serve
	http_post '{"source":"generic","event":"e","data":{}}'
	recorded custom
	local children
	children=$(cat "/proc/$lighttpd/task/$lighttpd/children")
	[ -n "$children" ]
	kill "$lighttpd"
	wait "$lighttpd" || :
	local child
	for child in $children; do
		until_true gone "$child"
	done
	chain_intact
}

gone() {
	! kill -0 "$1" 2>/dev/null
}

@test "examples/send-event signs and posts" {
	serve
	local send=$SOURCE_DIR/examples/send-event
	printf '{"source":"agentgate","event":"test","data":{}}' >"$dir/event"
	NO_PROXY='*' WEBHOOK_SECRET=$agentgate_secret "$send" -u "$url" "$dir/event" >"$dir/sent"
	[[ $(cat "$dir/sent") == '{"ok":true,"eventId":"'*'","eventType":"custom","sessionId":"unlinked_'*'"}' ]]
	printf '{"source":"agentgate","event":"test","data":{"n":2}}' |
		NO_PROXY='*' WEBHOOK_SECRET=$agentgate_secret "$send" -u "$url" -H X-AgentGate-Signature - >"$dir/sent"
	local exit_status=0
	NO_PROXY='*' WEBHOOK_SECRET=wrong "$send" -u "$url" "$dir/event" >"$dir/sent" 2>&1 || exit_status=$?
	equal 'exit status' 1 "$exit_status"
	counted events 2
}

@test "examples/send-event --as signs as each sender does" {
	local name secret setting secrets=() names
	names=(github gitea bitbucket jira sentry linear pagerduty shopify grafana stripe langfuse paddle slack zoom
		gitlab standard-webhooks openai anthropic svix)
	for name in "${names[@]}"; do
		setting=$(tr a-z- A-Z_ <<<"$name")_WEBHOOK_SECRET
		secrets+=("$setting" "whsec_$(printf %s "$name-secret-0123456789" | base64 -w 0)")
	done
	serve "${secrets[@]}"
	for name in "${names[@]}"; do
		row "$name"
		secret=whsec_$(printf %s "$name-secret-0123456789" | base64 -w 0)
		printf '{"type":"a","event":"a","n":"%s","webhookTimestamp":%s000}' "$name" "$(date +%s)" >"$dir/event"
		NO_PROXY='*' WEBHOOK_SECRET=$secret "$SOURCE_DIR/examples/send-event" --as "$name" -e opened -u "$url" "$dir/event" >"$dir/sent" ||
			{ cat "$dir/sent"; return 1; }
	done
	counted events "${#names[@]}"
	equal event github.opened "$(query "SELECT json_extract(metadata, '\$.webhookEvent') FROM events ORDER BY id LIMIT 1")"
	run env WEBHOOK_SECRET=x "$SOURCE_DIR/examples/send-event" --as nobody -u "$url" "$dir/event"
	equal status 64 "$status"
}

@test "examples/demo: what it says it shows is so, and a taken port is told" {
	command -v lighttpd >/dev/null || skip 'lighttpd is not installed'
	local tries status
	for tries in {1..20}; do
		port=$((20000 + RANDOM)) status=0
		PROGRAM=$INGEST PORT=$port "$SOURCE_DIR/examples/demo" --once >"$dir/told" 2>"$dir/err" 3>&- || status=$?
		grep -q 'is taken by another' "$dir/err" || break
	done
	cat "$dir/told" "$dir/err"
	equal status 0 "$status"
	equal 'answers' 2 "$(grep -c '^    HTTP/1.1 201 Created$' "$dir/told")"
	grep -qF 'As it should be: 2 events, 2 deliveries' "$dir/told"
	serve
	run env PROGRAM="$INGEST" PORT="$port" "$SOURCE_DIR/examples/demo" --once
	equal status 1 "$status"
	[[ $output == "demo: Port $port is taken by another program."* ]]
}
