# What doc/troubleshooting.md says: each line of it that no other file provokes,
# and that each line names a test.
#
# run: once, 12 s

load ../lib/helper
load ../lib/servers

# signed BODY [ARGUMENT...]: sends it as AgentGate does.
signed() {
	send "$1" -H "X-AgentGate-Signature: $(printf %s "$1" | sign "$agentgate_secret")" "${@:2}"
}
agentgate='{"source":"agentgate","event":"test","data":{}}'

@test "doc/troubleshooting.md: each line names tests that there are" {
	names_tests doc/troubleshooting.md 'provoked by'
}

@test "README.md: each server has an example, which is tested" {
	local file name
	for file in "$examples"/{apache,lighttpd,nginx}*.conf; do
		name=${file##*/} name=${name%.conf}
		row "$name"
		grep -q "^| .* | \`examples/$name.conf\` | servers: \"$name: .*\" |$" "$SOURCE_DIR/README.md"
		grep -q "^@test \"$name: " "$(test_file servers)"
	done
}

@test "404 in HTML: the web server does not know the endpoint" {
	serve_site ''
	send "$generic"
	as_html 404
}

@test "403 in HTML: Apache was not told to let anybody in" {
	local name
	for name in apache-cgid apache-fcgid; do
		row "$name"
		change '/^<Location/,/^</ s/Require all granted//' "$name"
		serve_site "$name"
		send "$generic"
		as_html 403
		logged 'AH01630: client denied by server configuration'
		end_group "$server"
		rm "$server_log"
	done
}

@test "500 in HTML: the program cannot be run" {
	local name
	chmod 0644 "$program"
	for name in apache-cgid lighttpd-cgi; do
		row "$name"
		unset example
		serve "$name"
		send "$generic"
		as_html 500
		logged 'Permission denied'
		end_group "$server"
	done
}

@test "502 or 503 in HTML: no responder listens" {
	local name
	for name in nginx apache-proxy-fcgi lighttpd-spawn-fcgi; do
		row "$name"
		unset example
		responder=
		serve "$name"
		send "$generic"
		recorded custom
		end_group "$responder"
		send "$generic"
		[ "$name" = nginx ] && as_html 502 || as_html 503
		logged 'onnect.*(refused|failed)'
		# It needs no new start of the web server.
		rm -f "$socket"
		spawn "$name"
		until_true is_back
		end_group "$server"
		end_group "$responder"
		rm -f "$socket"
	done
}

# lighttpd does not ask again within a second.
is_back() {
	send "$generic"
	[ "$code" = 201 ]
}

@test "502 or 503 in HTML: the web server may not use the socket" {
	[ "$(id -u)" = 0 ] || skip 'only root can start a web server that becomes another user'
	serve nginx
	chown root "$socket"
	send "$generic"
	as_html 502
	logged '13: Permission denied'
	end_group "$server"
	unset example
	serve apache-proxy-fcgi
	send "$generic"
	as_html 503
	logged 'Permission denied'
}

@test "500 or 503 in HTML: the program ends at once, as its settings are wrong" {
	configure "DB_PATH=$db" NO_SUCH_SETTING=1
	serve apache-fcgid
	send "$generic"
	as_html 500
	logged 'agentlens-ingest: .*NO_SUCH_SETTING'
	end_group "$server"
	unset example
	need_server lighttpd lighttpd
	# lighttpd does not start when it notices in time.
	if serve lighttpd; then
		send "$generic"
		# By whether it is over before lighttpd has connected.
		matches status '500|503' "$code"
		as_html "$code"
	fi
	logged 'child exited.* 78 '
	grep 'agentlens-ingest: .*NO_SUCH_SETTING' "$run_dir"/*.log "$dir"/*.log
}

@test "413 in HTML: the web server's own limit" {
	local name
	padded 100000 >"$dir/large"
	for name in nginx lighttpd lighttpd-spawn-fcgi lighttpd-cgi apache-cgid; do
		row "$name"
		change 's/client_max_body_size 8m/client_max_body_size 10k/
			s/max-request-size = 8192/max-request-size = 10/
			s/LimitRequestBody 8388608/LimitRequestBody 10000/' "$name"
		serve "$name"
		http POST "$endpoint" --data-binary "@$dir/large"
		as_html 413
		send "$generic"
		recorded custom
		end_group "$server"
		[ -z "${responder-}" ] || end_group "$responder"
		responder=
		rm -f "$dir"/*.sock "$run_dir"/*.sock
	done
}

@test "500 in HTML for large bodies: mod_fcgid's own limit" {
	change '/^FcgidMaxRequestLen/d' apache-fcgid
	serve apache-fcgid
	padded 131072 >"$dir/large"
	http POST "$endpoint" --data-binary "@$dir/large"
	recorded custom
	padded 131073 >"$dir/large"
	http POST "$endpoint" --data-binary "@$dir/large"
	as_html 500
	logged 'HTTP request length .* exceeds MaxRequestLen'
}

@test "401: the secret was changed in a file that is wrong" {
	configure "DB_PATH=$db" AGENTGATE_WEBHOOK_SECRET=old
	serve nginx
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" INGEST_LOG=loud
	until_true grep -q 'the settings stay as they are.*INGEST_LOG' "$dir/responder.log"
	signed "$agentgate"
	refused 401 'Invalid webhook signature'
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret"
	until_true is_taken
}

is_taken() {
	signed "$agentgate"
	[ "$code" = 201 ]
}

@test "an error in HTML: the web server puts its page over ours" {
	change 's/^[[:blank:]]*fastcgi_pass .*/&\nfastcgi_intercept_errors on; error_page 400 \/oops.html;/' nginx
	serve nginx
	send '{'
	as_html 404
	logged 'Invalid JSON body'
	end_group "$server"
	end_group "$responder"
	rm -f "$socket"
	unset example responder
	change 's/^<Location.*/&\nProxyErrorOverride On/' apache-proxy-fcgi
	serve apache-proxy-fcgi
	send '{'
	as_html 400
	logged 'Invalid JSON body'
}

@test "408 or no answer: the web server's own time limit" {
	change 's/client_max_body_size 8m;/&\n client_body_timeout 1s;/' nginx
	serve nginx
	(printf 'POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{' "$endpoint"; sleep 4) |
		timeout 20 curl -s --unix-socket "$dir/http.sock" --no-buffer telnet://localhost >"$dir/slow" 2>>"$dir/err" || :
	until_true grep -q '"POST [^"]*" 408 ' "$run_dir/access.log"
	fails grep -q '^{' "$dir/slow"
}

@test "401: other bytes were signed than are sent" {
	local body=$'{"source":"agentgate",\n"event":"test","data":{}}\n'
	serve nginx
	# echo adds a newline.
	send "$agentgate" -H "X-Webhook-Signature: $(echo "$agentgate" | sign "$agentgate_secret")"
	refused 401 'Invalid webhook signature'
	# curl -d takes the newlines of a file away, curl --data-binary does not.
	printf %s "$body" >"$dir/body"
	http POST "$endpoint" -d "@$dir/body" -H "X-Webhook-Signature: $(sign "$agentgate_secret" <"$dir/body")"
	refused 401 'Invalid webhook signature'
	http POST "$endpoint" --data-binary "@$dir/body" -H "X-Webhook-Signature: $(sign "$agentgate_secret" <"$dir/body")"
	recorded custom
}

@test "401: the signature's header has underscores, which web servers drop" {
	serve nginx
	send "$agentgate" -H "X_Webhook_Signature: $(printf %s "$agentgate" | sign "$agentgate_secret")"
	refused 401 'Invalid webhook signature'
	send "$agentgate" -H "X-Webhook-Signature: $(printf %s "$agentgate" | sign "$agentgate_secret")"
	recorded custom
}

@test "500: the web server's user cannot read the settings" {
	chmod 0 "$settings_file"
	[ "$(id -u)" != 0 ] || chown root:root "$settings_file"
	serve apache-cgid
	send "$generic"
	refused 500 "The settings are not usable; the server's log says why"
	logged "agentlens-ingest.*$settings_file cannot be read: Permission denied"
}

@test "503: the web server's user cannot write into the folder" {
	chmod 0500 "$dir/data"
	[ "$(id -u)" != 0 ] || chown root:root "$dir/data"
	serve apache-cgid
	send "$generic"
	refused 503 'The database cannot be written; send the event again'
	logged "agentlens-ingest.*$dir/data"
}

@test "nothing in the log: the web server's level hides it" {
	serve apache-fcgid -DAGENTLENS_ALONE -c 'LogLevel error'
	send '{'
	answered 400
	end_group "$server"
	unset example
	change 's/nginx.log warn/nginx.log crit/' nginx
	serve nginx
	send '{'
	answered 400
	end_group "$server"
	fails grep 'agentlens-ingest\[' "$run_dir"/*.log
}
