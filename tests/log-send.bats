# agentlens-log send, through lighttpd to a responder, as an operator tries an
# installation.


load helper
load servers
load log

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

# sends STATUS [OPTION...] FILE URL: with the settings of the test; $path is
# where curl is looked for.
sends() {
	local status=0
	env -i PATH="${path-$PATH}" HOME="$dir" no_proxy='*' INGEST_CONFIG="$settings_file" "$AGENTLENS_LOG" send "${@:2}" \
		>"$dir/out" 2>"$dir/err" || status=$?
	equal "status of send ${*:2}" "$1" "$status" && return
	cat "$dir/out" "$dir/err"
	return 1
}

# says OUTPUT COMPLAINT: both whole, as regular expressions.
says() {
	matches output "$1" "$(cat "$dir/out")" && matches 'standard error' "$2" "$(cat "$dir/err")"
}

accepted() {
	says "\{\"ok\":true,\"eventId\":\"$ulid\",\"eventType\":\"$1\",\"sessionId\":\"[^\"]*\"\}" ''
}

@test "send: a body of each source is recorded, signed where it has a secret" {
	serve_at_port
	printf %s "$good" >"$dir/body"
	sends 0 "$dir/body" "$url"
	accepted custom
	equal signature "$(sign "$agentgate_secret" <"$dir/body")" "$(query 'SELECT signature FROM ingest_deliveries')"
	printf '{"submissionId":"x","intakeId":"f","state":"draft"}\n\n' >"$dir/body"
	sends 0 --source formbridge "$dir/body" "$url"
	accepted form_submitted
	equal 'not a byte is another' 1 "$(query "SELECT count(*) FROM ingest_deliveries WHERE body = readfile('$dir/body')")"
	printf %s "$generic" >"$dir/body"
	sends 0 - "$url" <"$dir/body"
	accepted custom
	equal signatures 2 "$(query 'SELECT count(signature) FROM ingest_deliveries')"
	counted events 3
	# Each is what this same tool calls sound.
	env -i PATH="$PATH" HOME="$dir" INGEST_CONFIG="$settings_file" "$AGENTLENS_LOG" verify >"$dir/out"
	grep -q 'signatures checked   2' "$dir/out"
}

@test "send: a refusal is status 1, with the answer" {
	serve_at_port
	printf '{"source":"agentgate","event":"nonsense","data":{}}' >"$dir/body"
	sends 1 "$dir/body" "$url"
	says '\{"error":".*","status":400\}' 'agentlens-log: the answer is 400, not 201'
	counted events 0
	equal refused 1 "$(query 'SELECT count(*) FROM ingest_deliveries WHERE reason IS NOT NULL')"
	printf %s "$good" >"$dir/body"
	sends 1 "$dir/body" "${url%/ingest}"
	says '.*' 'agentlens-log: the answer is 404, not 201'
	# The responder goes on with the secret that it has read.
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=another-secret-0123456789abcdefgh"
	sends 1 "$dir/body" "$url"
	says '\{"error":"Invalid webhook signature","status":401\}' 'agentlens-log: the answer is 401, not 201'
	counted events 0
}

@test "send: nothing is sent without a secret, a source or a body; nothing arrives without a server" {
	need_server curl curl
	printf %s "$good" >"$dir/body"
	sends 2 "$dir/body" http://127.0.0.1:1/
	says '' 'curl: \(7\) .*'
	# It is not left to curl to say what is wrong.
	mkdir "$dir/bin"
	printf '#!/bin/sh\necho curl was run >&2\n' >"$dir/bin/curl"
	chmod 0755 "$dir/bin/curl"
	local path=$dir/bin:$PATH
	sends 2 "$dir/none" http://127.0.0.1:1/
	says '' "agentlens-log: $dir/none: No such file or directory"
	sends 2 --source nobody "$dir/body" http://127.0.0.1:1/
	says '' "agentlens-log: there is no source 'nobody'.*"
	printf '{"x":1}' >"$dir/unnamed"
	sends 2 "$dir/unnamed" http://127.0.0.1:1/
	says '' 'agentlens-log: nothing in the body tells its source.*'
	sends 64 "$dir/body" $'http://127.0.0.1:1/\nuser = root'
	configure "DB_PATH=$db"
	sends 2 "$dir/body" http://127.0.0.1:1/
	says '' 'agentlens-log: no secret is set for agentgate'
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret"
	path=$dir/empty
	sends 2 "$dir/body" http://127.0.0.1:1/
	says '' 'agentlens-log: curl cannot be run: No such file or directory'
}

@test "send: secret, signature and body are in no list of processes" {
	local real
	serve_at_port
	real=$(command -v curl)
	mkdir "$dir/bin"
	# What every process of this machine was started with while it is sent,
	# curl too; and what curl has from its parent.
	cat >"$dir/bin/curl" <<-END
		#!/bin/sh
		cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' >"$dir/seen"
		for argument; do echo "argument: \$argument"; done >>"$dir/seen"
		env >"$dir/environment"
		exec "$real" "\$@"
	END
	chmod 0755 "$dir/bin/curl"
	printf %s "$good" >"$dir/body"
	local path=$dir/bin:$PATH
	sends 0 "$dir/body" "$url"
	accepted custom
	# It was looked at the right moment.
	grep -qx 'argument: --config' "$dir/seen"
	grep -qxF "$AGENTLENS_LOG" "$dir/seen"
	fails grep -qF -e "$agentgate_secret" -e "$(sign "$agentgate_secret" <"$dir/body")" -e precious "$dir/seen"
	fails grep -qF -e "$agentgate_secret" "$dir/environment"
}
