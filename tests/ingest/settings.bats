# Settings and options.
#
# run: cgi fcgi, 14 s

load ../lib/helper

ag='{"source":"agentgate","event":"test","data":{}}'

# program ARGUMENT...: runs it as a command; $exit_status, $dir/out, $dir/err.
program() {
	exit_status=0
	env -i "${settings[@]}" "${launcher[@]}" "$INGEST" "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null 3>&- || exit_status=$?
}

# check_passes / check_fails REGEX: --check with the present settings.
check_passes() {
	program --check
	equal 'exit status' 0 "$exit_status" || { cat "$dir/err"; return 1; }
}

check_fails() {
	program --check
	equal 'exit status' 78 "$exit_status" || { cat "$dir/err"; return 1; }
	matches sentence ".*($1).*" "$(cat "$dir/err")"
}

# good SETTING... / bad SETTING...: one setting at a time beside the usual ones.
good() {
	local kept=("${settings[@]}") setting
	for setting; do
		row "$setting"
		settings=("${kept[@]}" "$setting")
		check_passes
	done
	settings=("${kept[@]}")
}

bad() {
	local kept=("${settings[@]}") setting
	for setting; do
		row "$setting"
		settings=("${kept[@]}" "$setting")
		check_fails "${setting%%=*}"
	done
	settings=("${kept[@]}")
}

# signed_with SECRET: whether agentgate's secret is this one.
signed_with() {
	answered_to "$1" 201
}

not_signed_with() {
	answered_to "$1" 401
}

answered_to() {
	local body="{\"source\":\"agentgate\",\"event\":\"test\",\"data\":{\"n\":$((++serial))}}"
	post "$body" HTTP_X_AGENTGATE_SIGNATURE="$(printf %s "$body" | sign "$1")"
	equal "status for the secret '$1'" "$2" "$code"
}

# configured TEXT: the settings file holds this; the secret is only there.
configured() {
	stop
	without AGENTGATE_WEBHOOK_SECRET
	printf '%s\n' "$1" >"$dir/settings.conf"
	chmod 0600 "$dir/settings.conf"
}

@test "--help and -h" {
	local asked option
	for asked in --help -h; do
		program "$asked"
		equal 'exit status' 0 "$exit_status"
		for option in --help --version --check --print-mapping; do
			grep -q -e "$option" "$dir/out"
		done
		equal 'standard error' '' "$(cat "$dir/err")"
	done
}

@test "--version and -V show the versions of the libraries" {
	local option
	for option in --version -V; do
		program $option
		equal 'exit status' 0 "$exit_status"
		grep -q '^agentlens-ingest [0-9]' "$dir/out"
		grep -qE '^libfcgi [0-9]+\.[0-9]+' "$dir/out"
		grep -qiE 'json-c[: ]+[0-9]+\.[0-9]+' "$dir/out"
		grep -qiE 'libgcrypt[: ]+[0-9]+\.[0-9]+\.[0-9]+' "$dir/out"
		grep -qiE 'sqlite[: ]+3\.[0-9]+\.[0-9]+' "$dir/out"
	done
}

@test "without a request, a socket or an option there is usage, and 64" {
	program
	equal 'exit status' 64 "$exit_status"
	equal 'standard output' '' "$(cat "$dir/out")"
	grep -qi usage "$dir/err"
}

@test "an unknown option is 64" {
	local option
	for option in --nonsense -z --check=x word; do
		row "$option"
		program "$option"
		equal 'exit status' 64 "$exit_status"
		[ -s "$dir/err" ]
	done
}

@test "a query string that reaches argv does nothing" {
	[ "$MODE" = cgi ] || skip 'CGI only'
	env -i "${settings[@]}" GATEWAY_INTERFACE=CGI/1.1 REQUEST_METHOD=GET QUERY_STRING=--version \
		"$INGEST" --version </dev/null >"$dir/out" 2>"$dir/err"
	read_answer
	refused 405 'Method not allowed'
}

@test "--check is content with good settings, and writes nothing" {
	check_passes
	[ ! -s "$db" ] || counted events 0
	post '{"source":"generic","event":"e","data":{}}'
	recorded custom
	check_passes
	counted events 1
	counted ingest_deliveries 1
	counted sessions 1
}

@test "--check names the senders that are in use, and a secret that is no key" {
	check_passes
	fails grep -q github "$dir/out"
	with GITHUB_WEBHOOK_SECRET=github-secret-0123456789 GITHUB_WEBHOOK_SECRET_PREVIOUS=github-secret-before \
		GITHUB_APPROVALS=on GITLAB_TOKEN_WEBHOOK_SECRET=token-0123456789 \
		SENDER_ACME_SIGNATURE_HEADER=X-Acme SENDER_ACME_SECRET=acme-secret-0123456789
	check_passes
	grep -qxF 'github: deliveries at .../github, signed, the secret before is good too, which may be approvals' "$dir/out"
	grep -qxF 'gitlab-token: deliveries at .../gitlab-token, with the secret itself' "$dir/out"
	grep -qxF 'acme: deliveries at .../acme, signed' "$dir/out"
	with SVIX_WEBHOOK_SECRET=whsec_no-base64
	check_fails SVIX_WEBHOOK_SECRET
}

@test "--check makes no difference between a file and none" {
	check_passes
	check_passes
}

@test "--check: 78 and a sentence when the folder is missing" {
	with DB_PATH="$dir/missing/agentlens.db"
	check_fails "$dir/missing"
	[ ! -e "$dir/missing" ]
}

@test "--check: 78 and a sentence when the file cannot be written" {
	check_passes
	read_only_database
	check_fails "$dir/closed"
}

@test "--check: 78 and a sentence when the file is no database" {
	printf 'no database, but %2000s' precious >"$db"
	check_fails "$db"
	grep -q precious "$db"
}

@test "--check: 78 when a secret can be read by anybody" {
	configured AGENTGATE_WEBHOOK_SECRET=secret
	check_passes
	chmod 0644 "$dir/settings.conf"
	check_fails "$dir/settings.conf"
}

@test "--check warns of secrets that are hardly meant so" {
	check_passes
	equal 'standard error' '' "$(cat "$dir/err")"
	local value warning
	while IFS='|' read -r value warning; do
		row "$value"
		printf -v value %b "$value"
		with AGENTGATE_WEBHOOK_SECRET="$value"
		check_passes
		matches warnings "agentlens-ingest: warning: AGENTGATE_WEBHOOK_SECRET $warning" "$(cat "$dir/err")"
		fails grep -qF "${value:0:12}" "$dir/err"
	done <<-'END'
		0123456789abcdef\n|begins or ends with white space.*
		0123456789abcdef |begins or ends with white space.*
		 0123456789abcdef|begins or ends with white space.*
		0123456789abcdef\xc2\xa0|begins or ends with white space.*
		0123456789abcdef # of AgentGate|has a # behind a blank.*
		0123456789abcde|is shorter than 16 bytes.*
		your-secret-0123456789|is an example.*
		my-Your-Secret-here-it-is|is an example.*
	END
	with AGENTGATE_WEBHOOK_SECRET="$agentgate_secret" GENERIC_WEBHOOK_SECRET="$agentgate_secret"
	check_passes
	matches warnings '.*warning: GENERIC_WEBHOOK_SECRET is the same as AGENTGATE_WEBHOOK_SECRET' "$(cat "$dir/err")"
	fails grep -q "$agentgate_secret" "$dir/err"
	without GENERIC_WEBHOOK_SECRET
	with GENERIC_WEBHOOK_SECRET_PREVIOUS="$generic_secret"
	check_passes
	matches warnings '.*warning: generic has only a secret with _PREVIOUS, which alone has no effect' "$(cat "$dir/err")"
}

@test "--check says that a previous secret is in effect" {
	check_passes
	grep -qx 'agentgate: signed deliveries' "$dir/out"
	with AGENTGATE_WEBHOOK_SECRET_PREVIOUS=previous-secret-0123456789
	check_passes
	grep -qx 'agentgate: signed deliveries, with the previous secret too' "$dir/out"
}

@test "--check: 78 when anybody can write to the folder of the database" {
	mkdir "$dir/open"
	chmod 1777 "$dir/open"
	with DB_PATH="$dir/open/agentlens.db"
	check_fails "anybody can write to $dir/open"
	[ ! -e "$dir/open/agentlens.db" ]
	# Also where it is only the folder of a link's target.
	mkdir "$dir/own"
	: >"$dir/open/agentlens.db"
	ln -s "$dir/open/agentlens.db" "$dir/own/agentlens.db"
	with DB_PATH="$dir/own/agentlens.db"
	check_fails "anybody can write to $dir/open"
	chmod 0755 "$dir/open"
	chmod 0600 "$dir/open/agentlens.db"
	check_passes
}

@test "no sentence shows a secret" {
	configured $'AGENTGATE_WEBHOOK_SECRET="precious\nINGEST_LOG=loud'
	check_fails ''
	fails grep -q precious "$dir/err"
	configured $'AGENTGATE_WEBHOOK_SECRET=precious\nINGEST_LOG=loud'
	check_fails INGEST_LOG
	fails grep -q precious "$dir/err"
}

@test "numbers have limits" {
	good INGEST_MAX_BODY=1 INGEST_MAX_BODY=67108864 INGEST_THREADS=1 INGEST_THREADS=512 \
		INGEST_BATCH=1 INGEST_BATCH=4096 INGEST_MAX_WAL_MB=1 INGEST_MAX_WAL_MB=1048576 INGEST_BUSY_MS=0 INGEST_BUSY_MS=60000 \
		INGEST_READ_TIMEOUT_MS=1 INGEST_READ_TIMEOUT_MS=600000
	bad INGEST_MAX_BODY=0 INGEST_MAX_BODY=67108865 INGEST_THREADS=0 INGEST_THREADS=513 \
		INGEST_BATCH=0 INGEST_BATCH=4097 INGEST_MAX_WAL_MB=0 INGEST_MAX_WAL_MB=1048577 INGEST_BUSY_MS=60001 INGEST_BUSY_MS=-1 \
		INGEST_READ_TIMEOUT_MS=0 INGEST_READ_TIMEOUT_MS=600001
}

@test "numbers are numbers" {
	bad INGEST_THREADS=x INGEST_THREADS=1x INGEST_THREADS=0x10 INGEST_THREADS=1e2 INGEST_THREADS=+5 \
		INGEST_THREADS=-5 'INGEST_THREADS= 5' 'INGEST_THREADS=5 ' INGEST_THREADS=5.0 \
		INGEST_THREADS=99999999999999999999 INGEST_THREADS=18446744073709551617
}

@test "words are of their lists" {
	good INGEST_JOURNAL=wal INGEST_JOURNAL=delete INGEST_SYNCHRONOUS=full INGEST_SYNCHRONOUS=normal \
		INGEST_SYNCHRONOUS=extra INGEST_LOG=error INGEST_LOG=warn INGEST_LOG=info INGEST_LOG=debug \
		INGEST_SANDBOX=on INGEST_SANDBOX=off INGEST_CHECKPOINT=internal INGEST_CHECKPOINT=external
	bad INGEST_JOURNAL=off INGEST_JOURNAL=memory INGEST_SYNCHRONOUS=off INGEST_SYNCHRONOUS=1 \
		INGEST_LOG=loud INGEST_LOG=0 INGEST_LOG=warning \
		INGEST_SANDBOX=1 INGEST_SANDBOX=strict INGEST_CHECKPOINT=off
}

@test "a file mode is octal" {
	good INGEST_FILE_MODE=0600 INGEST_FILE_MODE=600 INGEST_FILE_MODE=0660 INGEST_FILE_MODE=0640
	bad INGEST_FILE_MODE=rw INGEST_FILE_MODE=0680 INGEST_FILE_MODE=9 INGEST_FILE_MODE=0x180 INGEST_FILE_MODE=10600
}

@test "the database's path is absolute" {
	bad DB_PATH=agentlens.db DB_PATH=./agentlens.db DB_PATH=file:/tmp/x.db DB_PATH=:memory:
}

@test "DATABASE_PATH is another name for it" {
	without DB_PATH
	with DATABASE_PATH="$db"
	post '{"source":"generic","event":"e","data":{}}'
	recorded custom
	counted events 1
}

@test "unknown INGEST_ names in the environment are an error, others are not" {
	good PATH_INFO_X=1 AGENTGATE_SOMETHING=1 WEBHOOK=1 ingest_threads=1
	bad INGEST_THREAD=1 INGEST_=1 INGEST_DB_PATH=/tmp/x
}

@test "a name that goes on behind a NUL is no setting" {
	printf 'DB_PATH\0x=%s/elsewhere.db\n' "$dir" >"$dir/settings.conf"
	chmod 0600 "$dir/settings.conf"
	check_fails "$dir/settings.conf"
	fails test -e "$dir/elsewhere.db"
}

@test "an unknown name in the file is an error" {
	local line
	for line in FOO=1 INGEST_THREAD=5 db_path=/x PATH=/bin INGEST_CONFIG=/x 'export INGEST_LOG=warn'; do
		row "$line"
		configured "$line"
		check_fails "$dir/settings.conf"
	done
}

@test "an empty value is as good as none" {
	good INGEST_THREADS= INGEST_LOG= INGEST_MAX_BODY= INGEST_FILE_MODE=
	with GENERIC_WEBHOOK_SECRET= GENERIC_TENANT_ID=
	post '{"source":"generic","event":"e","data":{}}'
	recorded custom
	stored tenant_id default
	configured 'AGENTGATE_WEBHOOK_SECRET=file'
	with AGENTGATE_WEBHOOK_SECRET=
	signed_with file
}

@test "the environment goes before the file" {
	configured $'AGENTGATE_WEBHOOK_SECRET=file\nAGENTGATE_TENANT_ID=file'
	with AGENTGATE_WEBHOOK_SECRET=environment
	not_signed_with file
	signed_with environment
	equal tenant file "$(query 'SELECT tenant_id FROM events')"
}

@test "the first file that exists is read, and no other" {
	configured AGENTGATE_WEBHOOK_SECRET=named
	printf 'AGENTGATE_WEBHOOK_SECRET=home\nAGENTGATE_TENANT_ID=home\n' >"$dir/.agentlens-ingest.conf"
	signed_with named
	equal tenant default "$(query 'SELECT tenant_id FROM events')"
	stop
	without INGEST_CONFIG
	signed_with home
	not_signed_with named
}

@test "the form of the file is systemd's" {
	local line secret
	while IFS='|' read -r line secret; do
		row "$line"
		configured "AGENTGATE_WEBHOOK_SECRET=$line"
		signed_with "$secret"
	done <<-'END'
		plain|plain
		  plain  |plain
		two words|two words
		"two words"|two words
		'two words'|two words
		"  kept  "|  kept  
		'  kept  '|  kept  
		a=b|a=b
		"a'b"|a'b
		'a"b'|a"b
		"a\"b"|a"b
		"a\\b"|a\b
		"a\$b\`c"|a$b`c
		"a\nb"|a\nb
		'a\nb\\'|a\nb\\
		$HOME|$HOME
		"${HOME}"|${HOME}
		not # a comment|not # a comment
		not ; a comment|not ; a comment
		zoë €|zoë €
	END
}

@test "comments, empty lines and joined lines in the file" {
	configured $'# AGENTGATE_WEBHOOK_SECRET=no\n\n   \n; AGENTGATE_WEBHOOK_SECRET=no\n  # no\nAGENTGATE_WEBHOOK_SECRET="one \\\ntwo"\n\n'
	signed_with 'one two'
	configured $'AGENTGATE_WEBHOOK_SECRET=first\nAGENTGATE_WEBHOOK_SECRET=last'
	signed_with last
	not_signed_with first
	printf 'AGENTGATE_WEBHOOK_SECRET=no-newline' >"$dir/settings.conf"
	stop
	signed_with no-newline
}

@test "a quote that is not closed is an error" {
	configured 'AGENTGATE_WEBHOOK_SECRET="abc'
	check_fails "$dir/settings.conf"
	configured "AGENTGATE_WEBHOOK_SECRET='abc"
	check_fails "$dir/settings.conf"
}

@test "wrong settings: 500 as CGI, 78 as FastCGI, and a line in the log" {
	with INGEST_THREADS=0
	if [ "$MODE" = cgi ]; then
		post "$ag"
		answered 500
		grep -q 'agentlens-ingest\[[0-9]*\]: error: .*INGEST_THREADS' "$dir/err"
		[[ $answer != *INGEST_THREADS* ]]
	else
		exit_status=0
		env -i "${settings[@]}" "$FCGI_REQUEST" -l "$dir/x.sock" "$INGEST" \
			>"$dir/out" 2>"$dir/err" </dev/null 3>&- || exit_status=$?
		equal 'exit status' 78 "$exit_status"
		grep -q INGEST_THREADS "$dir/err"
	fi
	[ ! -e "$db" ]
}

@test "request variables never set a setting" {
	[ "$MODE" = fcgi ] || skip 'as CGI the environment is both'
	with GENERIC_WEBHOOK_SECRET="$generic_secret"
	local body='{"source":"generic","event":"e","data":{}}'
	post "$body" GENERIC_WEBHOOK_SECRET= INGEST_MAX_BODY=5 DB_PATH="$dir/elsewhere.db" INGEST_CONFIG=/x INGEST_NONSENSE=1
	refused 401 'Invalid webhook signature'
	deliver generic "$body" GENERIC_WEBHOOK_SECRET=x DB_PATH="$dir/elsewhere.db" INGEST_MAX_BODY=5 GENERIC_TENANT_ID=x
	recorded custom
	stored tenant_id default
	[ ! -e "$dir/elsewhere.db" ]
}

@test "headers never set a setting" {
	local body='{"source":"generic","event":"e","data":{}}'
	post "$body" HTTP_DB_PATH="$dir/elsewhere.db" HTTP_INGEST_MAX_BODY=5 HTTP_GENERIC_TENANT_ID=x
	recorded custom
	stored tenant_id default
	[ ! -e "$dir/elsewhere.db" ]
}

@test "--print-mapping prints every row" {
	program --print-mapping
	equal 'exit status' 0 "$exit_status"
	local name
	for name in request.created request.approved request.denied request.expired request.decided test \
		request.updated request.escalated policy.matched budget.threshold submission.created \
		submission.completed submission.expired submitted approved finalized expired cancelled rejected; do
		row "$name"
		grep -q "^|.*\`$name\`" "$dir/out"
	done
	for name in approval_requested approval_granted approval_denied approval_expired form_submitted \
		form_completed form_expired custom; do
		row "$name"
		grep -q "^|.*\`$name\`" "$dir/out"
	done
	# Every row has as many columns as the head of its table.
	equal 'widths of rows' 3 "$(grep '^|' "$dir/out" | awk -F'|' '{ print NF }' | sort -u | wc -l)"
	equal 'rows of senders' 22 "$(grep -c 'HMAC-SHA-.*`{body}`\|HMAC-SHA-.*{body}\|the secret itself' "$dir/out")"
	grep -q '^| `WINDOW_S` |' "$dir/out"
}

@test "doc/mapping.md holds what --print-mapping prints" {
	program --print-mapping
	awk '/<!-- \/mapping -->/ { on = 0 } on; /<!-- mapping -->/ { on = 1 }' "$SOURCE_DIR/doc/mapping.md" |
		grep '^|' >"$dir/documented"
	sed '/^$/q' "$dir/out" | grep '^|' | diff "$dir/documented" -
}

@test "the example of a settings file names every setting, with its default" {
	local name
	for name in DB_PATH AGENTGATE_WEBHOOK_SECRET AGENTGATE_WEBHOOK_SECRET_PREVIOUS FORMBRIDGE_WEBHOOK_SECRET \
		FORMBRIDGE_WEBHOOK_SECRET_PREVIOUS GENERIC_WEBHOOK_SECRET GENERIC_WEBHOOK_SECRET_PREVIOUS \
		AGENTGATE_TENANT_ID=default FORMBRIDGE_TENANT_ID=default GENERIC_TENANT_ID=default \
		INGEST_MAX_BODY=1048576 INGEST_UNSIGNED=on INGEST_UNSIGNED_MAX_BODY=67108864 INGEST_THREADS= INGEST_BATCH=256 INGEST_MAX_WAL_MB=1024 INGEST_CHECKPOINT=internal INGEST_JOURNAL=wal INGEST_SYNCHRONOUS=full \
		INGEST_FILE_MODE=0600 INGEST_BUSY_MS=4000 INGEST_READ_TIMEOUT_MS=10000 INGEST_LOG=warn INGEST_SANDBOX=on; do
		row "$name"
		grep -qE "^#?$name(=|$)" "$SOURCE_DIR/examples/agentlens-ingest.conf"
	done
	# With every line switched on, all names are known.
	sed -n 's/^#\([A-Z_]*=\)/\1/p' "$SOURCE_DIR/examples/agentlens-ingest.conf" >"$dir/settings.conf"
	chmod 0600 "$dir/settings.conf"
	check_passes
}
