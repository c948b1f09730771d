# agentlens-log sign with curl, through lighttpd to a responder, as an operator
# tries an installation.
#
# run: once, 2 s

load ../lib/helper
load ../lib/servers
load ../lib/log

good='{"source":"agentgate","event":"test","data":{"precious":"cargo"}}'

# serve_at_port: lighttpd on a port of the loopback, for a URL has no room for
# a Unix socket.  Another may take the port first.
serve_at_port() {
	local tries port
	need_server lighttpd lighttpd
	server_log=$run_dir/lighttpd.log
	for tries in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		url=http://127.0.0.1:$port$endpoint
		via=(--connect-to "localhost:80:127.0.0.1:$port")
		group server env -i PATH="$PATH" PROGRAM="$program" SETTINGS="$settings_file" \
			BIND=127.0.0.1 PORT="$port" RUN_DIR="$run_dir" lighttpd -D -f "$examples/lighttpd.conf"
		is_serving && return
		grep -qi 'address already in use' "$dir/server.log" "$server_log" || break
	done
	echo 'lighttpd does not serve'
	return 1
}

# signs STATUS [OPTION...] FILE: with the settings of the test; the header is
# in $dir/header.
signs() {
	local status=0
	env -i PATH="$PATH" HOME="$dir" INGEST_CONFIG="$settings_file" "$AGENTLENS_LOG" sign "${@:2}" \
		>"$dir/header" 2>"$dir/err" || status=$?
	equal "status of sign ${*:2}" "$1" "$status" && return
	cat "$dir/header" "$dir/err"
	return 1
}

# sends CODE FILE [URL]: posts it with that header, as the manual says.
sends() {
	equal code "$1" "$(curl -sS --noproxy '*' -o "$dir/out" -w '%{http_code}' -H "@$dir/header" \
		-H 'Content-Type: application/json' --data-binary "@$2" "${3-$url}")"
}

# says OUTPUT COMPLAINT: both whole, as regular expressions.
says() {
	matches output "$1" "$(cat "$dir/out")" && matches 'standard error' "$2" "$(cat "$dir/err")"
}

accepted() {
	says "\{\"ok\":true,\"eventId\":\"$ulid\",\"eventType\":\"$1\",\"sessionId\":\"[^\"]*\"\}" ''
}

@test "sign: a body of each source is recorded, signed where it has a secret" {
	serve_at_port
	printf %s "$good" >"$dir/body"
	signs 0 "$dir/body"
	sends 201 "$dir/body"
	accepted custom
	equal signature "$(sign "$agentgate_secret" <"$dir/body")" "$(query 'SELECT signature FROM ingest_deliveries')"
	printf '{"submissionId":"x","intakeId":"f","state":"draft"}\n\n' >"$dir/body"
	signs 0 --source formbridge "$dir/body"
	sends 201 "$dir/body"
	accepted form_submitted
	equal 'not a byte is another' 1 "$(query "SELECT count(*) FROM ingest_deliveries WHERE body = readfile('$dir/body')")"
	equal signatures 2 "$(query 'SELECT count(signature) FROM ingest_deliveries')"
	counted events 2
	# Each is what this same tool calls sound.
	env -i PATH="$PATH" HOME="$dir" INGEST_CONFIG="$settings_file" "$AGENTLENS_LOG" verify >"$dir/out"
	grep -q 'signatures checked   2' "$dir/out"
	# Without a secret a generic event needs none.
	printf '{"source":"generic","event":"e","data":{}}' >"$dir/body"
	signs 1 "$dir/body"
	matches 'standard error' 'agentlens-log: no secret is set for generic events.*' "$(cat "$dir/err")"
}

@test "sign: what is refused, is; another secret signs nothing that is taken" {
	serve_at_port
	printf '{"source":"agentgate","event":"nonsense","data":{}}' >"$dir/body"
	signs 0 "$dir/body"
	sends 400 "$dir/body"
	says '\{"error":".*","status":400\}' ''
	counted events 0
	equal refused 1 "$(query 'SELECT count(*) FROM ingest_deliveries WHERE reason IS NOT NULL')"
	# The responder goes on with the secret that it has read.
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=another-secret-0123456789abcdefgh"
	printf %s "$good" >"$dir/body"
	signs 0 "$dir/body"
	sends 401 "$dir/body"
	says '\{"error":"Invalid webhook signature","status":401\}' ''
	counted events 0
}

@test "sign: nothing is signed without a secret, a source or a body" {
	printf %s "$good" >"$dir/body"
	signs 2 "$dir/none"
	equal nothing '' "$(cat "$dir/header")"
	matches missing "agentlens-log: $dir/none: No such file or directory" "$(cat "$dir/err")"
	signs 2 --source nobody "$dir/body"
	matches nobody "agentlens-log: there is no source 'nobody'.*" "$(cat "$dir/err")"
	printf '{"x":1}' >"$dir/unnamed"
	signs 2 "$dir/unnamed"
	matches unnamed 'agentlens-log: nothing in the body tells its source.*' "$(cat "$dir/err")"
	configure "DB_PATH=$db"
	signs 2 "$dir/body"
	matches 'no secret' 'agentlens-log: no secret is set for agentgate' "$(cat "$dir/err")"
}
