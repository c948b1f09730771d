# Slow and broken peers on the FastCGI socket: they cost their own request
# only.  FastCGI only.
#
# run: once, 20 s

load ../lib/helper

good_lines() {
	awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"source\":\"generic\",\"event\":\"good\",\"data\":{\"n\":%d},\"context\":{\"agentlens_session_id\":\"s\"}}\n", i }' >"$dir/many"
}

@test "slow and broken peers of 31 kinds cost their own request only" {
	command -v node >/dev/null || skip 'node is not installed'
	with INGEST_READ_TIMEOUT_MS=1000 INGEST_LOG=error
	start
	good_lines 300
	node "$SOURCE_DIR/tests/faults/peers.mjs" "$socket" 2 10000 >"$dir/peers" 2>&1 3>&- &
	local peers=$! before after
	post_all "$dir/many" 8
	equal 'good answers' 300 "$(grep -c ^201 "$dir/answers")"
	wait "$peers" || { cat "$dir/peers"; return 1; }
	before=$(memory_kb RssAnon)
	node "$SOURCE_DIR/tests/faults/peers.mjs" "$socket" 4 10000
	after=$(memory_kb RssAnon)
	echo "from $before KiB to $after KiB"
	is_sanitized || [ $((after - before)) -le 2048 ]
	post '{"source":"generic","event":"last","data":{}}'
	recorded custom
	stop
	equal 'exit status' 0 "$exit_status"
	chain_intact
}

@test "as many slow peers as threads hold them for their time limit only" {
	command -v node >/dev/null || skip 'node is not installed'
	with INGEST_READ_TIMEOUT_MS=1000 INGEST_THREADS=2 INGEST_LOG=error
	start
	# 31 kinds, two threads: each is let go of in its turn.
	node "$SOURCE_DIR/tests/faults/peers.mjs" "$socket" 1 60000 >"$dir/peers" 2>&1 3>&- &
	local peers=$!
	post '{"source":"generic","event":"last","data":{}}'
	recorded custom
	wait "$peers" || { cat "$dir/peers"; return 1; }
	stop
	equal 'exit status' 0 "$exit_status"
}
