# The FastCGI protocol, from a peer that takes it at its word.
#
# run: once, 10 s

load ../lib/helper

# holds CASE: see fastcgi.mjs; and the responder is there after it.
holds() {
	command -v node >/dev/null || skip 'node is not installed'
	start
	node "$SOURCE_DIR/tests/ingest/fastcgi.mjs" "$socket" "$1" 3>&-
	post '{"source":"generic","event":"last","data":{}}'
	recorded custom
	stop
	equal 'exit status' 0 "$exit_status"
}

@test "requests that follow each other on a connection are all answered" {
	holds follow
}

@test "a request that is aborted ends, and the connection goes on" {
	holds abort
}

@test "questions about values are answered, wherever they come" {
	holds values
}

@test "another role is refused as the specification wants" {
	holds role
}

@test "a request is whole only with its last padding" {
	holds padding
}

@test "any disorder ends its connection, and nothing else" {
	holds disorder
	local times
	times=$(grep -c 'not a web server' "$dir/responder.log")
	equal 'lines in the log' 1 "$times"
}

@test "bytes that were once read in two ways end their connection only" {
	with INGEST_READ_TIMEOUT_MS=1000
	holds twoReaders
}

@test "a body that is late is answered 408, and its connection is not kept" {
	with INGEST_READ_TIMEOUT_MS=500
	holds late
}

@test "parameters have their time, and a body has its own" {
	with INGEST_READ_TIMEOUT_MS=2000
	holds twoLimits
}
