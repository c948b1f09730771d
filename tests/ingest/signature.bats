# Who may come in: HMAC-SHA256 over the bytes of the body.
#
# run: cgi fcgi, 10 s

load ../lib/helper

ag='{"source":"agentgate","event":"test","data":{"n":1}}'
fb='{"source":"formbridge","event":"submission.created","data":{"submissionId":"s","formId":"f"}}'

# signature SECRET BODY
signature() {
	printf %s "$2" | sign "$1"
}

@test "each source's own header" {
	deliver agentgate "$ag"
	recorded custom
	deliver formbridge "$fb"
	recorded form_submitted
	counted events 2
}

@test "X-Webhook-Signature opens every source" {
	post "$ag" HTTP_X_WEBHOOK_SIGNATURE="$(signature "$agentgate_secret" "$ag")"
	recorded custom
	post "$fb" HTTP_X_WEBHOOK_SIGNATURE="$(signature "$formbridge_secret" "$fb")"
	recorded form_submitted
}

@test "sha256= before it, upper case, and white space around it" {
	local good form n=0 body
	for form in 'sha256=%s' ' %s' '%s ' $'\t%s\t ' '  sha256=%s  '; do
		row "$form"
		body="{\"source\":\"agentgate\",\"event\":\"test\",\"data\":{\"n\":$((n++))}}"
		good=$(signature "$agentgate_secret" "$body")
		# shellcheck disable=SC2059
		post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(printf "$form" "$good")"
		recorded custom
		# shellcheck disable=SC2059
		post "$body " HTTP_X_AGENTGATE_SIGNATURE="$(printf "$form" "$(signature "$agentgate_secret" "$body ")")"
		recorded custom
		# shellcheck disable=SC2059
		post "$body  " HTTP_X_AGENTGATE_SIGNATURE="$(printf "$form" "$(signature "$agentgate_secret" "$body  " | tr a-f A-F)")"
		recorded custom
	done
	counted events 15
}

@test "a signature that is cut or too long is refused" {
	local good bytes
	good=$(signature "$agentgate_secret" "$ag")
	for bytes in 0 1 2 4 8 15 16 20 28 31; do
		row "$bytes bytes"
		post "$ag" HTTP_X_AGENTGATE_SIGNATURE="${good:0:2*bytes}"
		refused 401 'Invalid webhook signature'
		post "$ag" HTTP_X_AGENTGATE_SIGNATURE="sha256=${good:0:2*bytes}"
		refused 401 'Invalid webhook signature'
	done
	local form
	for form in "${good}00" "${good}0" "${good:0:63}" "00$good" "$good$good" "$good,$good" "$good $good"; do
		row "$form"
		post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$form"
		refused 401 'Invalid webhook signature'
	done
	nothing_recorded
}

@test "what is no hex is refused" {
	local good form
	good=$(signature "$agentgate_secret" "$ag")
	for form in "${good:0:63}g" "g${good:1}" "${good:0:62}  " "0x${good:2}" "${good:0:32} ${good:32}" \
		"sha256:$good" "sha256 $good" "sha1=$good" "sha512=$good" "sha256=sha256=$good" "sha256= $good" "=$good" "\"$good\"" \
		"v1,$(printf %s "$ag" | openssl dgst -sha256 -hmac "$agentgate_secret" -binary | base64)"; do
		row "$form"
		post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$form"
		refused 401 'Invalid webhook signature'
	done
	nothing_recorded
}

@test "a signature that is off by one bit anywhere is refused" {
	local good place digit
	good=$(signature "$agentgate_secret" "$ag")
	for place in 0 1 2 31 32 33 62 63; do
		row "digit $place"
		printf -v digit %x $((0x${good:place:1} ^ 1))
		post "$ag" HTTP_X_AGENTGATE_SIGNATURE="${good:0:place}$digit${good:place+1}"
		refused 401 'Invalid webhook signature'
	done
	nothing_recorded
}

@test "without a header, or with an empty one" {
	post "$ag"
	refused 401 'Invalid webhook signature'
	post "$ag" HTTP_X_AGENTGATE_SIGNATURE= HTTP_X_WEBHOOK_SIGNATURE=
	refused 401 'Invalid webhook signature'
	post "$ag" HTTP_X_WEBHOOK_SIGNATURE=sha256=
	refused 401 'Invalid webhook signature'
	nothing_recorded
}

@test "the wrong secret is refused" {
	local secret
	for secret in "${agentgate_secret}x" "${agentgate_secret%?}" "$formbridge_secret" ' ' "$agentgate_secret "; do
		row "$secret"
		post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$secret" "$ag")"
		refused 401 'Invalid webhook signature'
	done
	# An empty key, which openssl does not take as -hmac.
	post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$(printf %s "$ag" | openssl dgst -sha256 -r -mac HMAC -macopt hexkey:00 | cut -c 1-64)"
	refused 401 'Invalid webhook signature'
	nothing_recorded
}

@test "every byte of the body is covered" {
	local good other
	good=$(signature "$agentgate_secret" "$ag")
	for other in "$ag " " $ag" "$ag"$'\n' "${ag/1/2}" "${ag/:1/: 1}" "${ag/'"n"'/'"\u006e"'}"; do
		row "$other"
		post "$other" HTTP_X_AGENTGATE_SIGNATURE="$good"
		refused 401 'Invalid webhook signature'
	done
	nothing_recorded
}

@test "a header of one product never opens the other's door" {
	post "$ag" HTTP_X_FORMBRIDGE_SIGNATURE="$(signature "$agentgate_secret" "$ag")"
	refused 401 'Invalid webhook signature'
	post "$ag" HTTP_X_FORMBRIDGE_SIGNATURE="$(signature "$formbridge_secret" "$ag")"
	refused 401 'Invalid webhook signature'
	post "$fb" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$formbridge_secret" "$fb")"
	refused 401 'Invalid webhook signature'
	post "$fb" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$agentgate_secret" "$fb")"
	refused 401 'Invalid webhook signature'
	nothing_recorded
}

@test "one product's secret never signs for the other" {
	post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$formbridge_secret" "$ag")"
	refused 401 'Invalid webhook signature'
	post "$fb" HTTP_X_WEBHOOK_SIGNATURE="$(signature "$agentgate_secret" "$fb")"
	refused 401 'Invalid webhook signature'
	nothing_recorded
}

@test "with no source in the body the product's header names it" {
	local body='{"event":"test","data":{}}'
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$agentgate_secret" "$body")"
	recorded custom
	body='{"source":"server","event":"test","data":{}}'
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$agentgate_secret" "$body")"
	recorded custom
	stored metadata '{"source":"agentgate","webhookEvent":"test"}'
	local name
	for name in HTTP_X_AGENTGATE_EVENT HTTP_X_AGENTGATE_EVENTID HTTP_X_FORMBRIDGE_TIMESTAMP; do
		row "$name"
		post "$body" "$name=x"
		refused 401 'Invalid webhook signature'
	done
	counted events 2
}

@test "else the event's prefix does" {
	local body='{"event":"request.created","data":{"requestId":"r"}}'
	post "$body"
	refused 401 'Invalid webhook signature'
	post "$body" HTTP_X_WEBHOOK_SIGNATURE="$(signature "$agentgate_secret" "$body")"
	recorded approval_requested unlinked_r
	body='{"event":"submission.created","data":{"submissionId":"s","formId":"f"}}'
	post "$body"
	refused 401 'Invalid webhook signature'
	post "$body" HTTP_X_WEBHOOK_SIGNATURE="$(signature "$formbridge_secret" "$body")"
	recorded form_submitted unlinked_s
	counted events 2
}

@test "the body's source goes before a header" {
	local body='{"source":"generic","event":"asked","data":{}}'
	deliver agentgate "$body"
	recorded custom
	stored metadata '{"source":"generic","webhookEvent":"asked"}'
}

@test "a secret and the one before it are both good" {
	with AGENTGATE_WEBHOOK_SECRET=new AGENTGATE_WEBHOOK_SECRET_PREVIOUS=old
	post "$ag" HTTP_X_AGENTGATE_SIGNATURE="$(signature new "$ag")"
	recorded custom
	post "$ag " HTTP_X_AGENTGATE_SIGNATURE="$(signature old "$ag ")"
	recorded custom
	post "$ag  " HTTP_X_AGENTGATE_SIGNATURE="$(signature "$agentgate_secret" "$ag  ")"
	refused 401 'Invalid webhook signature'
	# It is this source's alone.
	post "$fb" HTTP_X_FORMBRIDGE_SIGNATURE="$(signature old "$fb")"
	refused 401 'Invalid webhook signature'
	counted events 2
}

@test "generic: a secret makes signatures needed" {
	with GENERIC_WEBHOOK_SECRET="$generic_secret" GENERIC_WEBHOOK_SECRET_PREVIOUS=old
	local body='{"source":"generic","event":"e","data":{}}'
	post "$body"
	refused 401 'Invalid webhook signature'
	post "$body" HTTP_X_WEBHOOK_SIGNATURE="$(signature wrong "$body")"
	refused 401 'Invalid webhook signature'
	nothing_recorded
	deliver generic "$body"
	recorded custom
	post "$body " HTTP_X_WEBHOOK_SIGNATURE="$(signature old "$body ")"
	recorded custom
	# A product's header is not generic's.
	post "$body  " HTTP_X_AGENTGATE_SIGNATURE="$(signature "$generic_secret" "$body  ")"
	refused 401 'Invalid webhook signature'
	counted events 2
}

@test "generic: the products' event types need a signature" {
	local type
	for type in approval_requested approval_granted approval_denied approval_expired \
		form_submitted form_completed form_expired; do
		row "$type"
		post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"eventType\":\"$type\"}}"
		refused 401 "Event type '$type' needs a signed delivery"
		# A signature that nobody can check is none.
		post "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"eventType\":\"$type\"}}" \
			HTTP_X_WEBHOOK_SIGNATURE="$(printf %064d 0)"
		refused 401 "Event type '$type' needs a signed delivery"
	done
	nothing_recorded
	stop
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	for type in approval_requested approval_granted approval_denied approval_expired \
		form_submitted form_completed form_expired; do
		row "$type, signed"
		deliver generic "{\"source\":\"generic\",\"event\":\"e\",\"data\":{\"eventType\":\"$type\"}}"
		recorded "$type"
	done
}

# claims EVENT SESSION: prints a generic body.
claims() {
	printf '{"source":"generic","event":"%s","data":{"requestId":"r1"},"context":{"agentlens_session_id":"%s"}}' "$@"
}

@test "generic: an unsigned event may not have a name of the products" {
	local name
	for name in request.approved request.x request. submission.created submission.; do
		row "$name"
		post "$(claims "$name" s1)"
		refused 401 "Event '$name' needs a signed delivery"
	done
	nothing_recorded
	for name in requests.approved request submission my.request.approved Request.approved; do
		row "$name"
		post "$(claims "$name" s1)"
		recorded custom s1
	done
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	restart
	deliver generic "$(claims request.approved s1)"
	recorded custom s1
}

@test "generic: an unsigned event may not claim a session that others make" {
	local name
	with SENDER_ACME_TWO_SIGNATURE_HEADER=X-Acme SENDER_ACME_TWO_SECRET=acme-secret-0123456789
	for name in unlinked_ unlinked_r1 github:octo/hello#7 gitlab-token:x stripe: acme-two:1; do
		row "$name"
		post "$(claims e "$name")"
		refused 401 "Session '$name' needs a signed delivery"
	done
	nothing_recorded
	for name in unlinked github git:x acme:1 agentgate:x Github:x; do
		row "$name"
		post "$(claims e "$name")"
		recorded custom "$name"
	done
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	restart
	deliver generic "$(claims e github:octo/hello#7)"
	recorded custom github:octo/hello#7
}

@test "INGEST_UNSIGNED=off: only what is signed is taken, and nothing else is read" {
	with INGEST_UNSIGNED=off
	local body
	for body in '{"source":"generic","event":"e","data":{}}' '{' "$ag"; do
		row "$body"
		post "$body"
		refused 401 'A signed delivery is needed'
		post "$body" HTTP_X_WEBHOOK_SIGNATURE="$(printf %064d 0)"
		refused 401 'A signed delivery is needed'
	done
	nothing_recorded
	deliver agentgate "$ag"
	recorded custom
	# Signed with another's secret is not signed by a source without one.
	body='{"source":"generic","event":"e","data":{}}'
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$agentgate_secret" "$body")"
	refused 401 'A signed delivery is needed'
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	restart
	deliver generic "$body"
	recorded custom
}

@test "INGEST_UNSIGNED_MAX_BODY bounds what is not signed" {
	with INGEST_UNSIGNED_MAX_BODY=60
	local body
	body='{"source":"generic","event":"e","data":{"x":"0123456789abcd"}}'
	post "$body"
	refused 413 'Body is larger than 60 bytes'
	post "${body/bcd/}"
	recorded custom
	deliver agentgate '{"source":"agentgate","event":"test","data":{"x":"0123456789abcdef"}}'
	recorded custom
}

@test "odd secrets" {
	local secret n=0 body
	for secret in 'ä €' 'a=b' '"quoted"' '$HOME' 'a\b' "$(printf '%0200d' 7)"; do
		row "$secret"
		stop
		with AGENTGATE_WEBHOOK_SECRET="$secret"
		body="{\"source\":\"agentgate\",\"event\":\"test\",\"data\":{\"n\":$((n++))}}"
		post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(signature "$secret" "$body")"
		recorded custom
	done
}
