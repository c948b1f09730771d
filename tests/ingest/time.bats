# The time of an event: read in many forms, stored in one, never backwards
# within a session, never in the future.
#
# run: cgi fcgi, 12 s

load ../lib/helper

# at SESSION TIMESTAMP: posts an event with this JSON value as its timestamp.
at() {
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{},\"timestamp\":$2,\"context\":{\"agentlens_session_id\":\"$1\"}}"
}

now() {
	date -u +%Y-%m-%dT%H:%M:%S.%3NZ
}

# between EARLIEST LATEST: the stored time of the last event.
between() {
	local time
	time=$(column timestamp)
	[[ ! $time < $1 && ! $time > $2 ]] || {
		echo "$time is not between $1 and $2"
		return 1
	}
}

context='"agentlens_session_id":"s"'

@test "forms that are read" {
	local n=0 text expected
	while IFS='|' read -r text expected; do
		row "$text"
		at "s$((++n))" "$text"
		recorded custom
		stored timestamp "$expected"
		# Not moved, so nothing is noted.
		stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",\"agentlens_session_id\":\"s$n\"}"
	done <<-'END'
		"2025-02-08T10:00:00.000Z"|2025-02-08T10:00:00.000Z
		"2025-02-08T10:00:00Z"|2025-02-08T10:00:00.000Z
		"2025-02-08T10:00:00.5Z"|2025-02-08T10:00:00.500Z
		"2025-02-08T10:00:00.123456789Z"|2025-02-08T10:00:00.123Z
		"2025-02-08T10:00:00+00:00"|2025-02-08T10:00:00.000Z
		"2025-02-08T10:00:00-00:00"|2025-02-08T10:00:00.000Z
		"2025-02-08T10:00:00+05:30"|2025-02-08T04:30:00.000Z
		"2025-02-08T00:10:00+14:00"|2025-02-07T10:10:00.000Z
		"2025-02-08T23:10:00-12:00"|2025-02-09T11:10:00.000Z
		"2024-12-31T23:59:59.999-00:01"|2025-01-01T00:00:59.999Z
		"2024-03-01T00:30:00+01:00"|2024-02-29T23:30:00.000Z
		"2025-02-08T10:00:00"|2025-02-08T10:00:00.000Z
		"2025-02-08T10:00:00.25"|2025-02-08T10:00:00.250Z
		"2025-02-08t10:00:00z"|2025-02-08T10:00:00.000Z
		"2025-02-08 10:00:00Z"|2025-02-08T10:00:00.000Z
		"2025-02-08 10:00:00.001+01:00"|2025-02-08T09:00:00.001Z
		"2025-02-08T10:00:00\u002e5Z"|2025-02-08T10:00:00.500Z
		1730000000000|2024-10-27T03:33:20.000Z
		1.73e12|2024-10-27T03:33:20.000Z
		1730000000001|2024-10-27T03:33:20.001Z
		100000000000|1973-03-03T09:46:40.000Z
		"1970-01-01T00:00:00Z"|1970-01-01T00:00:00.000Z
		"2016-12-31T23:59:60Z"|2017-01-01T00:00:00.000Z
		"2017-01-01T00:59:60.5+01:00"|2017-01-01T00:00:00.500Z
		951782400000|2000-02-29T00:00:00.000Z
	END
}

@test "every month's last day" {
	local n=0 date
	for date in 2025-01-31 2025-02-28 2024-02-29 2000-02-29 2025-03-31 2025-04-30 2025-05-31 2025-06-30 \
		2025-07-31 2025-08-31 2025-09-30 2025-10-31 2025-11-30 2025-12-31 1970-01-01 1999-12-31; do
		row "$date"
		at "s$((++n))" "\"${date}T23:59:59.999Z\""
		recorded custom
		stored timestamp "${date}T23:59:59.999Z"
	done
}

@test "epoch milliseconds over many days agree with date(1)" {
	local n seconds
	for ((n = 0; n < 60; n++)); do
		seconds=$((n * 27876543 + 100000007))
		row "$seconds"
		at "s$n" "${seconds}000"
		recorded custom
		stored timestamp "$(date -u -d "@$seconds" +%Y-%m-%dT%H:%M:%S.000Z)"
	done
}

@test "what is no time is refused" {
	local text
	while IFS= read -r text; do
		row "$text"
		at s "$text"
		refused_like 400 "Field 'timestamp' must .*"
	done <<-'END'
		""
		"now"
		"2025-02-08"
		"2025-02"
		"10:00:00Z"
		"20260208T100000Z"
		"2025-02-08T10Z"
		"2025-2-8T10:00:00Z"
		"26-02-08T10:00:00Z"
		"02025-02-08T10:00:00Z"
		"+2025-02-08T10:00:00Z"
		"2025-02-08T10:00:00ZZ"
		"2025-02-08T10:00:00 Z"
		" 2025-02-08T10:00:00Z"
		"2025-02-08T10:00:00Z "
		"2025-02-08T10:00:00.Z"
		"2025-02-08T10:00:00.5.5Z"
		"2025-02-08T10:00:00+1:00"
		"2025-02-08T10:00:00+24:00"
		"2025-02-08T10:00:00+05:60"
		"2025-02-08T10:00:00+"
		"2025-02-08T10:00:00\u0000Z"
		"2025-02-08T25:00:00Z"
		"2025-02-08T10:60:00Z"
		"2025-02-08T10:00:61Z"
		"2025-02-08T-1:00:00Z"
		"2025-00-08T10:00:00Z"
		"2025-13-08T10:00:00Z"
		"2025-02-00T10:00:00Z"
		"2023-02-29T10:00:00Z"
		"2025-02-29T10:00:00Z"
		"1900-02-29T10:00:00Z"
		"2025-02-30T10:00:00Z"
		"2025-04-31T10:00:00Z"
		"2025-06-31T10:00:00Z"
		"2025-01-32T10:00:00Z"
		"Sun, 08 Feb 2026 10:00:00 GMT"
		"1730000000000"
		"２０２６-02-08T10:00:00Z"
		-1
		-1730000000000
		253402300800000
		1e300
		true
		{}
		[]
		[1730000000000]
		{"$date":1730000000000}
	END
	nothing_recorded
}

@test "the sentence says what is wrong with a time" {
	local text sentence
	while IFS='|' read -r text sentence; do
		row "$text"
		at s "$text"
		refused 400 "Field 'timestamp' must $sentence"
	done <<-'END'
		0|be in milliseconds since 1970, and seems to be in seconds
		1730000000|be in milliseconds since 1970, and seems to be in seconds
		1730000000.123|be in milliseconds since 1970, and seems to be in seconds
		99999999999|be in milliseconds since 1970, and seems to be in seconds
		-1|be in the years 1970 to 9999
		253402300800000|be in the years 1970 to 9999
		1e300|be in the years 1970 to 9999
		"1969-12-31T23:59:59.999Z"|be in the years 1970 to 9999
		"0000-01-01T00:00:00Z"|be in the years 1970 to 9999
		"9999-12-31T23:59:59-00:01"|be in the years 1970 to 9999
		"2025-02-08"|have a time of day behind the date, as in 2026-02-08T10:00:00Z
		"2025-02-29T10:00:00Z"|be a day and a time of day that there are
		"2025-02-08T24:00:00Z"|be a day and a time of day that there are
		"2025-02-08T10:00:61Z"|be a day and a time of day that there are
		"2025-02-08T10Z"|be an ISO 8601 date and time, or milliseconds since 1970
		"1730000000000"|be an ISO 8601 date and time, or milliseconds since 1970
		true|be an ISO 8601 date and time, or milliseconds since 1970
	END
	nothing_recorded
	# A signed one is kept, with the rule.
	deliver agentgate '{"source":"agentgate","event":"test","data":{},"timestamp":1730000000}'
	answered 400
	equal reason 'bad-field: timestamp: in seconds' "$(query 'SELECT reason FROM ingest_deliveries')"
}

@test "no timestamp means now" {
	local before after
	before=$(now)
	post '{"source":"generic","event":"e","data":{}}'
	after=$(now)
	recorded custom
	matches timestamp '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z' "$(column timestamp)"
	between "$before" "$after"
	stored metadata '{"source":"generic","webhookEvent":"e"}'
}

@test "a bare FormBridge body has its time in metadata.updatedAt" {
	deliver formbridge '{"submissionId":"s1","intakeId":"f","state":"submitted","metadata":{"createdAt":"2025-02-08T09:00:00Z","updatedAt":"2025-02-08T10:00:00+02:00"}}'
	recorded form_completed
	stored timestamp 2025-02-08T08:00:00.000Z
	local before
	before=$(now)
	deliver formbridge '{"submissionId":"s2","intakeId":"f","state":"submitted","timestamp":"2025-02-08T10:00:00Z"}'
	recorded form_completed
	between "$before" "$(now)"
}

@test "a late event is moved to the last event's time, and says so" {
	at s '"2025-02-08T10:00:00.500Z"'
	recorded custom
	at s '"2025-02-08T09:00:00+00:00"'
	recorded custom
	stored timestamp 2025-02-08T10:00:00.500Z
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context,\"reportedTimestamp\":\"2025-02-08T09:00:00+00:00\"}"
	at s 1730000000000
	recorded custom
	stored timestamp 2025-02-08T10:00:00.500Z
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context,\"reportedTimestamp\":1730000000000}"
	# One millisecond is late too, and the same time is not.
	at s '"2025-02-08T10:00:00.499Z"'
	recorded custom
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context,\"reportedTimestamp\":\"2025-02-08T10:00:00.499Z\"}"
	at s '"2025-02-08T10:00:00.500Z"'
	recorded custom
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context}"
	at s '"2025-02-08T10:00:00.501Z"'
	recorded custom
	stored timestamp 2025-02-08T10:00:00.501Z
	chain_intact
}

@test "a late event of another session or tenant is not late" {
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	deliver agentgate '{"source":"agentgate","event":"test","data":{},"timestamp":1739008800000,"context":{"agentlens_session_id":"s"}}'
	recorded custom
	deliver agentgate '{"source":"agentgate","event":"test","data":{},"timestamp":1730000000000,"context":{"agentlens_session_id":"other"}}'
	recorded custom
	stored timestamp 2024-10-27T03:33:20.000Z
	stop
	with GENERIC_TENANT_ID=elsewhere
	deliver generic '{"source":"generic","event":"e","data":{},"timestamp":1730000000000,"context":{"agentlens_session_id":"s"}}'
	recorded custom
	stored timestamp 2024-10-27T03:33:20.000Z
	stored prev_hash ''
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context}"
	chain_intact
}

@test "a future event is moved to now, and says so" {
	local text before
	for text in '"2999-12-31T23:59:59.999Z"' '"9999-12-31T23:59:59.999Z"' 253402300799999 '"9999-12-31T23:59:59Z"' \
		"$(($(date +%s) + 60))000"; do
		row "$text"
		before=$(now)
		at s "$text"
		recorded custom
		between "$before" "$(now)"
		stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context,\"reportedTimestamp\":$text}"
	done
	chain_intact
}

@test "what is noted is the value as JSON writes it" {
	at s '"2025-02-08T10:00:00Z"'
	at s 1.73e12
	recorded custom
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context,\"reportedTimestamp\":1730000000000}"
	at s '"2024-10-27\u002003:33:20Z"'
	recorded custom
	stored metadata "{\"source\":\"generic\",\"webhookEvent\":\"e\",$context,\"reportedTimestamp\":\"2024-10-27 03:33:20Z\"}"
}

@test "a session that is in the future already is not left behind" {
	# As a clock that was set back, or another program, may leave it.
	local ahead
	ahead=$(date -u -d '+300 days' +%Y-%m-%dT00:00:00.000Z)
	at s '"2025-02-08T10:00:00Z"'
	query "UPDATE events SET timestamp = '$ahead'"
	at s '"2025-02-08T10:00:01Z"'
	recorded custom
	stored timestamp "$ahead"
	post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{},\"context\":{$context}}"
	recorded custom
	stored timestamp "$ahead"
	equal 'links that are wrong' 0 "$(query "SELECT count(*) FROM (SELECT prev_hash IS
		lag(hash) OVER (ORDER BY timestamp, id) AS good FROM events) WHERE NOT good")"
}
