# Many peers that are slow, or want much: a small signed request does not wait
# for them.
#
# run: once, 60 s

load ../lib/helper
load ../lib/servers

# beside WHERE KIND COUNT: see slow.mjs.
beside() {
	command -v node >/dev/null || skip 'node is not installed'
	local limit
	limit=$(ulimit -n)
	[ "$limit" = unlimited ] || [ "$limit" -ge 4096 ] || ulimit -n 4096 ||
		skip 'this machine does not allow enough descriptors'
	node "$SOURCE_DIR/tests/faults/slow.mjs" "$agentgate_secret" "$@" 3>&-
}

# listens: a responder by itself; $socket is the way to it, $process its group.
listens() {
	socket=$dir/ingest.sock
	INGEST_CONFIG=$settings_file group responder "$@" "$FCGI_REQUEST" -l "$socket" "$program"
	until_true test -S "$socket"
}

# notices TEXT: lines of the log with it.
notices() {
	grep -c "$1" "$dir/responder.log" || :
}

@test "1,000 slow peers on the socket hold up nobody" {
	listens
	beside "$socket" slow 1000
}

@test "1,000 slow senders through Apache hold up nobody" {
	# As many as there may be of them, and no mod_reqtimeout, which ends them:
	# what Apache itself allows, the example says.
	serve apache-proxy-fcgi -DAGENTLENS_ALONE -c 'ServerLimit 24' -c 'ThreadsPerChild 64' -c 'MaxRequestWorkers 1536'
	beside "http://127.0.0.1:$port$endpoint" slow 1000
}

@test "large bodies hold up nobody" {
	listens
	beside "$socket" heavy 3
}

@test "with 20 descriptors what fits is served, and the log says so once" {
	listens bash -c 'ulimit -n 20 && exec "$@"' -
	# More than fit, at once.
	awk 'BEGIN { for (i = 1; i <= 300; i++)
		printf "{\"source\":\"generic\",\"event\":\"good\",\"data\":{\"n\":%d}}\n", i }' >"$dir/many"
	"$FCGI_REQUEST" -b "$dir/many" -c 30 "$socket" REQUEST_METHOD=POST >"$dir/answers"
	equal answers 300 "$(grep -c ^201 "$dir/answers")"
	# And beside peers that keep silent.
	command -v node >/dev/null || skip 'node is not installed'
	node "$SOURCE_DIR/tests/faults/hold.mjs" "$socket" 50 64 >"$dir/held" 3>&- &
	local held=$!
	until_true test -s "$dir/held"
	sed -i 's/good/fine/' "$dir/many"
	head -20 "$dir/many" >"$dir/few"
	"$FCGI_REQUEST" -b "$dir/few" -c 2 "$socket" REQUEST_METHOD=POST >"$dir/answers"
	kill "$held"
	wait "$held" || :
	equal answers 20 "$(grep -c ^201 "$dir/answers")"
	equal 'lines of the log' 1 "$(notices RLIMIT_NOFILE)"
	equal 'all lines of the log' 1 "$(wc -l <"$dir/responder.log")"
}

@test "bodies that stand still have a budget, and those that wait longest go" {
	command -v node >/dev/null || skip 'node is not installed'
	listens
	# 100 MB, of which 32 MiB may be kept.
	node "$SOURCE_DIR/tests/faults/hold.mjs" "$socket" 100 1000000 >"$dir/held" 3>&- &
	local held=$! responder
	until_true test -s "$dir/held"
	awk 'BEGIN { for (i = 1; i <= 100; i++)
		printf "{\"source\":\"generic\",\"event\":\"good\",\"data\":{\"n\":%d}}\n", i }' >"$dir/many"
	"$FCGI_REQUEST" -b "$dir/many" -c 4 "$socket" REQUEST_METHOD=POST >"$dir/answers"
	kill "$held"
	wait "$held" || :
	equal answers 100 "$(grep -c ^201 "$dir/answers")"
	equal 'lines of the log' 1 "$(notices 'all the memory that they may')"
	responder=$(pgrep -g "$process" -f agentlens-ingest | head -1)
	awk '/VmHWM/ { print; exit $2 > 60000 }' "/proc/$responder/status"
}
