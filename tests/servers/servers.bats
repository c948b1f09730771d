# Each web server, started from its file in examples/.
#
# run: once, 32 s

load ../lib/helper
load ../lib/servers

# records_and_refuses NAME
records_and_refuses() {
	serve "$1"

	http GET "$endpoint/health"
	answered 200
	equal answer '{"status":"ok"}' "$answer"
	http HEAD "$endpoint/health?x=1"
	answered 200

	send_capture agentgate/03-approved-manual
	recorded approval_granted
	stored "json_extract(metadata, '$.source')" agentgate
	equal 'the kept body' 1 "$(query "SELECT body = CAST(readfile('$captures/agentgate/03-approved-manual.body') AS BLOB) FROM ingest_deliveries")"
	send "$generic"
	recorded custom
	http POST "$endpoint/?--version" --data-binary "$generic"
	recorded custom
	counted events 3

	send "$(cat "$captures/agentgate/03-approved-manual.body")" \
		-H "X-AgentGate-Signature: $(printf x | sign "$agentgate_secret")"
	refused 401 'Invalid webhook signature'
	http GET "$endpoint"
	refused 405 'Method not allowed'
	local method
	for method in PUT DELETE PATCH; do
		row "$method"
		http "$method" "$endpoint" --data-binary "$generic"
		refused 405 'Method not allowed'
		equal Allow POST "$(header Allow)"
	done
	local path
	for path in "$endpoint/x" "${endpoint}ion" "$endpoint/health/x"; do
		row "$path"
		http POST "$path" --data-binary "$generic"
		equal status 404 "$code"
	done
	counted events 3
	counted ingest_deliveries 3
}

# takes_every_body NAME: all of them, up to our own limit, above which the
# answer is ours.
takes_every_body() {
	local chunked=(-H 'Transfer-Encoding: chunked') size large=1048576
	serve "$1"
	send "$generic" "${chunked[@]}"
	recorded custom
	for size in $large $((large + 1)); do
		padded "$size" >"$dir/large"
		row "$size bytes"
		http POST "$endpoint" --data-binary "@$dir/large"
		limited
		row "$size bytes, chunked"
		http POST "$endpoint" --data-binary "@$dir/large" "${chunked[@]}"
		limited
	done
	equal sizes "${#generic} $large $large" \
		"$(query "SELECT group_concat(n, ' ') FROM (SELECT length(body) AS n FROM ingest_deliveries ORDER BY id)")"
}

limited() {
	if [ "$size" -gt "$large" ]; then
		refused 413 "Body is larger than $large bytes"
	else
		recorded custom
	fi
}

# hands_on_headers NAME: every header that the program reads.
hands_on_headers() {
	local body=$generic
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" \
		"FORMBRIDGE_WEBHOOK_SECRET=$formbridge_secret" "GENERIC_WEBHOOK_SECRET=$generic_secret"
	serve "$1"
	send_capture agentgate/08-approved-policy
	recorded approval_granted
	send_capture formbridge/01-submitted-agent
	recorded form_completed
	send "$body"
	refused 401 'Invalid webhook signature'
	send "$body" -H "X-Webhook-Signature: $(printf %s "$body" | sign "$generic_secret")"
	recorded custom

	# Without these it would be "Invalid or missing source".
	local name
	for name in X-AgentGate-Event X-AgentGate-EventId X-FormBridge-Timestamp; do
		row "$name"
		send '{"event":"e"}' -H "$name: 1"
		refused 401 'Invalid webhook signature'
	done

	local n=0
	for name in Idempotency-Key webhook-id svix-id X-AgentGate-EventId; do
		row "$name"
		body='{"source":"generic","event":"e","data":{"n":'$((++n))'}}'
		send "$body" -H "$name: k" -H "X-Webhook-Signature: $(printf %s "$body" | sign "$generic_secret")"
		recorded custom
		equal 'ids that came' "$n" "$(query 'SELECT count(idempotency_key) FROM ingest_deliveries')"
	done
	counted events 7
}

# takes_senders NAME: third parties, at their paths and with all their headers.
takes_senders() {
	local delivery line arguments authorization=alert-token-0123456789
	configure "DB_PATH=$db" 'GITHUB_WEBHOOK_SECRET="It'"'"'s a Secret to Everybody"' \
		"ALERTMANAGER_WEBHOOK_SECRET=$authorization"
	serve "$1"
	for delivery in github/push github/pull_request.opened github-form/push; do
		row "$delivery"
		arguments=()
		while IFS= read -r line; do
			# http() has one of its own; the bytes tell a form.
			[[ $line == Content-Type:* ]] || arguments+=(-H "$line")
		done <"$captures/third-party/$delivery.headers"
		http POST "$endpoint/github" --data-binary "@$captures/third-party/$delivery.body" "${arguments[@]}"
		answered 200
	done
	http POST "$endpoint/alertmanager" --data-binary '{"status":"firing","groupKey":"g"}' -H "Authorization: Bearer $authorization"
	answered 200
	http POST "$endpoint/alertmanager/" --data-binary '{"status":"firing","groupKey":"g"}' -H 'Authorization: Bearer x'
	refused 401 'Invalid webhook signature'
	http POST "$endpoint/stripe" --data-binary '{}'
	refused 404 'Not found'
	http GET "$endpoint/health/"
	answered 200
	equal names 'github.push github.pull_request.opened github.push alertmanager.firing' \
		"$(query "SELECT group_concat(name, ' ') FROM (SELECT json_extract(metadata, '\$.webhookEvent') AS name FROM events ORDER BY id)")"
}

# logs_entries NAME: a refusal is one entry of the server's error log, however
# long it is.
logs_entries() {
	local before name body
	serve "$1"
	# The first request may make the server say something of its own.
	send "$generic"
	recorded custom
	before=$(entries)
	send '{"source":"agentgate","event":"test","data":{}}'
	refused 401 'Invalid webhook signature'
	until_true has_entries $((before + 1))
	# Its quotation marks are two bytes each in the log.
	name=$(printf '\\"%.0s' {1..160})
	body='{"source":"agentgate","event":"'$name'","data":{}}'
	send "$body" -H "X-AgentGate-Signature: $(printf %s "$body" | sign "$agentgate_secret")"
	refused 400 "Unknown event type '$name' for source 'agentgate'"
	until_true has_entries $((before + 2))
	http GET "$endpoint/health"
	answered 200
	tail -n +$((before + 1)) "$server_log" >"$dir/entries"
	equal entries 2 "$(wc -l <"$dir/entries")"
	matches 'first entry' '.*agentlens-ingest\[[0-9]+\]: warn: status=401 source=agentgate .*error=.*Invalid webhook signature.*' "$(sed -n 1p "$dir/entries")"
	matches 'second entry' ".*agentlens-ingest\[[0-9]+\]: warn: status=400 source=agentgate .*error=.*Unknown event type '[\\\"]{320,}' for source 'agentgate'.*" "$(sed -n 2p "$dir/entries")"
}

# keeps_out_of_document_root NAME
keeps_out_of_document_root() {
	db=$run_dir/htdocs/agentlens.db
	configure "DB_PATH=$db"
	serve "$1"
	send "$generic"
	refused 500 'Refusing to work inside the document root: move the database out'
	[ ! -e "$db" ]
}

# fits_into_a_site NAME: the example beside what a site has already.
fits_into_a_site() {
	serve_site "$1"
	http GET "$endpoint/health"
	answered 200
	send_capture agentgate/03-approved-manual
	recorded approval_granted
	padded 1048577 >"$dir/large"
	http POST "$endpoint" --data-binary "@$dir/large"
	refused 413 'Body is larger than 1048576 bytes'
	# mod_cgid knows the log of the whole Apache only.
	[ "$1" != apache-cgid ] || server_log=$run_dir/apache.log
	logged 'agentlens-ingest.* status=413 '
	http GET /
	equal status 404 "$code"
	# Apache grumbles about a module that is loaded twice.
	! grep -i 'already loaded' "$dir/server.log"
}

@test "lighttpd: records and refuses" {
	records_and_refuses lighttpd
}

@test "lighttpd: takes every body up to our own limit" {
	takes_every_body lighttpd
}

@test "lighttpd: hands on every header" {
	hands_on_headers lighttpd
}

@test "lighttpd: takes third-party senders" {
	takes_senders lighttpd
}

@test "lighttpd: logs a line as one entry" {
	logs_entries lighttpd
}

@test "lighttpd: a database in the document root is refused" {
	keeps_out_of_document_root lighttpd
}

@test "apache: TRACE tells nobody what was sent" {
	local name
	for name in apache-cgid apache-fcgid apache-proxy-fcgi; do
		row "$name"
		unset example
		serve "$name"
		http TRACE / -H 'X-Webhook-Signature: precious'
		equal status 405 "$code"
		fails grep -q precious <<<"$headers$answer"
		end_group "$server"
	done
}

@test "lighttpd-spawn-fcgi: records and refuses" {
	records_and_refuses lighttpd-spawn-fcgi
}

@test "lighttpd-spawn-fcgi: takes every body up to our own limit" {
	takes_every_body lighttpd-spawn-fcgi
}

@test "lighttpd-spawn-fcgi: hands on every header" {
	hands_on_headers lighttpd-spawn-fcgi
}

@test "lighttpd-spawn-fcgi: takes third-party senders" {
	takes_senders lighttpd-spawn-fcgi
}

@test "lighttpd-spawn-fcgi: logs a line as one entry" {
	logs_entries lighttpd-spawn-fcgi
}

@test "lighttpd-spawn-fcgi: a database in the document root is refused" {
	keeps_out_of_document_root lighttpd-spawn-fcgi
}

@test "lighttpd-cgi: records and refuses" {
	records_and_refuses lighttpd-cgi
}

@test "lighttpd-cgi: takes every body up to our own limit" {
	takes_every_body lighttpd-cgi
}

@test "lighttpd-cgi: hands on every header" {
	hands_on_headers lighttpd-cgi
}

@test "lighttpd-cgi: takes third-party senders" {
	takes_senders lighttpd-cgi
}

@test "lighttpd-cgi: logs a line as one entry" {
	logs_entries lighttpd-cgi
}

@test "apache-cgid: records and refuses" {
	records_and_refuses apache-cgid
}

@test "apache-cgid: takes every body up to our own limit" {
	takes_every_body apache-cgid
}

@test "apache-cgid: hands on every header" {
	hands_on_headers apache-cgid
}

@test "apache-cgid: takes third-party senders" {
	takes_senders apache-cgid
}

@test "apache-cgid: logs a line as one entry" {
	logs_entries apache-cgid
}

@test "apache-cgid: a database in the document root is refused" {
	keeps_out_of_document_root apache-cgid
}

@test "apache-fcgid: records and refuses" {
	records_and_refuses apache-fcgid
}

@test "apache-fcgid: takes every body up to our own limit" {
	takes_every_body apache-fcgid
}

@test "apache-fcgid: hands on every header" {
	hands_on_headers apache-fcgid
}

@test "apache-fcgid: takes third-party senders" {
	takes_senders apache-fcgid
}

@test "apache-fcgid: logs a line as one entry" {
	logs_entries apache-fcgid
}

@test "apache-fcgid: a database in the document root is refused" {
	keeps_out_of_document_root apache-fcgid
}

@test "apache-proxy-fcgi: records and refuses" {
	records_and_refuses apache-proxy-fcgi
}

@test "apache-proxy-fcgi: takes every body up to our own limit" {
	takes_every_body apache-proxy-fcgi
}

@test "apache-proxy-fcgi: hands on every header" {
	hands_on_headers apache-proxy-fcgi
}

@test "apache-proxy-fcgi: takes third-party senders" {
	takes_senders apache-proxy-fcgi
}

@test "apache-proxy-fcgi: logs a line as one entry" {
	logs_entries apache-proxy-fcgi
}

@test "apache-proxy-fcgi: a database in the document root is refused" {
	keeps_out_of_document_root apache-proxy-fcgi
}

@test "nginx: records and refuses" {
	records_and_refuses nginx
}

@test "nginx: takes every body up to our own limit" {
	takes_every_body nginx
}

@test "nginx: hands on every header" {
	hands_on_headers nginx
}

@test "nginx: takes third-party senders" {
	takes_senders nginx
}

@test "nginx: logs a line as one entry" {
	logs_entries nginx
}

@test "nginx: a database in the document root is refused" {
	keeps_out_of_document_root nginx
}

@test "apache-cgid: fits into a site" {
	fits_into_a_site apache-cgid
}

@test "apache-fcgid: fits into a site" {
	fits_into_a_site apache-fcgid
}

@test "apache-proxy-fcgi: fits into a site" {
	fits_into_a_site apache-proxy-fcgi
}

@test "apache-fcgid: an idle process ends well, and another one takes over" {
	serve apache-fcgid -DAGENTLENS_ALONE -c 'LogLevel fcgid:info' -c 'FcgidMinProcessesPerClass 0' \
		-c 'FcgidIdleTimeout 1' -c 'FcgidIdleScanInterval 1' -c 'FcgidZombieScanInterval 1'
	send "$generic"
	recorded custom
	logged 'fcgid.*terminated by calling exit\(\), return code: 0'
	send "$generic"
	recorded custom
	counted events 2
}

# What people write who do not know the example.
@test "apache-proxy-fcgi: health is found with a plain ProxyPass, too" {
	change 's|^ProxyPassMatch .* \\$|ProxyPass "/api/events/ingest" \\|' apache-proxy-fcgi
	serve apache-proxy-fcgi
	http GET "$endpoint/health"
	answered 200
	send "$generic"
	recorded custom
}

@test "nginx: health is found with a plain location, too" {
	change 's|location ~ .* {|location /api/events/ingest {|' nginx
	serve nginx
	http GET "$endpoint/health?x=1"
	answered 200
	send "$generic"
	recorded custom
	http POST "$endpoint/github" --data-binary "$generic"
	refused 404 'Not found'
}
