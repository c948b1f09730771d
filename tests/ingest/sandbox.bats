# What the program gives up once it has read its settings, seen from outside:
# tests/lib/inject makes system calls in its place, as somebody would who had
# broken into it.
#
# run: once, 6 s

load ../lib/helper

generic='{"source":"generic","event":"e","data":{}}'

# what_holds: the line of --check.
what_holds() {
	env -i "${settings[@]}" "${launcher[@]}" "$INGEST" --check 2>>"$dir/err" | sed -n 's/^sandbox: //p'
}

# need_sandbox: both parts of it.
need_sandbox() {
	local holds
	holds=$(what_holds)
	[ "$holds" = 'files and system calls' ] || skip "the sandbox is not whole here: $holds"
}

# inject CALL|-a: what it comes to as plain CGI, in $result.
inject() {
	local status=0
	printf %s "$generic" >"$dir/body"
	result=$(env -i "${settings[@]}" INJECT_PATH="${path-}" REQUEST_METHOD=POST \
		"$INJECT" "$@" "$INGEST" <"$dir/body" 2>"$dir/err") || status=$?
	[ "$status" != 77 ] || skip 'tests/lib/inject does not know this kind of machine'
	[ "$status" = 0 ] || { cat "$dir/err"; return 1; }
}

# comes_to CALL RESULT: in the sandbox.
comes_to() {
	row "$1"
	inject "$1"
	equal "$1 in the sandbox" "$2" "$result"
}

# does CALL: without the sandbox, so that it is the sandbox that stops it.
does() {
	row "$1"
	with INGEST_SANDBOX=off
	inject "$1"
	with INGEST_SANDBOX=on
	matches "$1 without it" '0|done' "$result"
}

@test "--check says what holds, and off is off" {
	need_sandbox
	with INGEST_SANDBOX=off
	equal 'what holds' off "$(what_holds)"
}

@test "no program is started" {
	need_sandbox
	does execve
	comes_to execve 'killed by SIGSYS'
	does fork
	comes_to fork 'killed by SIGSYS'
	does clone
	comes_to clone EPERM
}

@test "no connection is made" {
	need_sandbox
	does inet-socket
	comes_to inet-socket 'killed by SIGSYS'
	does unix-socket
	comes_to unix-socket 'killed by SIGSYS'
	comes_to connect 'killed by SIGSYS'
	comes_to bind 'killed by SIGSYS'
}

@test "no file outside the database's folder is opened" {
	need_sandbox
	mkdir "$dir/data" "$dir/other"
	with DB_PATH="$dir/data/agentlens.db"
	does read-passwd
	comes_to read-passwd EACCES
	# Nor the settings, which hold the secrets, a second time.
	path=$dir/settings.conf
	does read
	comes_to read EACCES
	path=/proc/self/environ comes_to read EACCES
	path=/proc/self/mem comes_to read EACCES
	path=$dir/other
	does list
	comes_to list EACCES
	path=$dir/other/file
	comes_to create EACCES
	[ ! -e "$path" ]
	does create
	[ -e "$path" ]
	comes_to unlink EACCES
	[ -e "$path" ]
	comes_to truncate ENOSYS
	comes_to rename ENOSYS
	comes_to chmod ENOSYS
	comes_to mkdir ENOSYS
}

@test "a folder that is missing opens no more than the one above, and never /" {
	need_sandbox
	mkdir "$dir/data" "$dir/other"
	with DB_PATH="$dir/data/missing/further/agentlens.db"
	path=$dir/data/file comes_to create 'done'
	path=$dir/other/file comes_to create EACCES
	with DB_PATH="/missing-$$/agentlens.db"
	does read-passwd
	comes_to read-passwd EACCES
	with DB_PATH="/missing-$$/further/agentlens.db"
	comes_to read-passwd EACCES
}

@test "the database's folder is open, but for programs and folders" {
	need_sandbox
	mkdir "$dir/data" "$dir/linked"
	with DB_PATH="$dir/data/agentlens.db"
	path=$dir/data/file comes_to create 'done'
	path=$dir/data/file comes_to read 'done'
	path=$dir/data/file comes_to unlink 0
	path=$dir/data/folder comes_to mkdir ENOSYS
	# Where the database is a link, the folder of its target is, too.
	ln -s "$dir/linked/real.db" "$dir/data/agentlens.db"
	: >"$dir/linked/real.db"
	path=$dir/linked/file comes_to create 'done'
	MODE=cgi post "$generic"
	recorded custom
	[ -s "$dir/linked/real.db" ]
}

@test "nothing is run that was not there, and nobody else is touched" {
	need_sandbox
	does executable-memory
	comes_to executable-memory EPERM
	does executable-page
	comes_to executable-page EPERM
	comes_to writable-page 0
	comes_to ptrace 'killed by SIGSYS'
	comes_to kill ENOSYS
	comes_to ioctl ENOSYS
	# What is not known is answered as an old kernel would.
	comes_to unknown ENOSYS
	comes_to getuid "$([ "$(id -u)" = 0 ] && echo 0 || echo 'done')"
}

@test "no signal and no semaphore is another program's" {
	need_sandbox
	local call
	for call in owner signal asynchronous; do
		does "$call"
		comes_to "$call" ENOSYS
	done
	comes_to flags 0
	for call in lease other-semaphore open-semaphore set-semaphore give-semaphore signal-other limit-other; do
		comes_to "$call" ENOSYS
	done
}

@test "every thread is inside" {
	need_sandbox
	start
	post "$generic"
	recorded custom
	[ "$(find "/proc/$responder/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 5 ]
	equal 'threads outside' '' \
		"$(grep -L '^Seccomp:[[:space:]]*2$' "/proc/$responder/task"/*/status)"
	equal 'threads that can gain privileges' '' \
		"$(grep -L '^NoNewPrivs:[[:space:]]*1$' "/proc/$responder/task"/*/status)"
}

@test "there is no core file, and without the sandbox there is" {
	need_sandbox
	ulimit -c unlimited 2>"$dir/err" || skip 'core files are not allowed here'
	inject -a
	equal 'in the sandbox' 'no core' "$result"
	with INGEST_SANDBOX=off
	inject -a
	[ "$result" = core ] || skip "the system keeps no core files: $result"
}

# looks_into NAME: another process of the same user reads /proc/PID/NAME.
looks_into() {
	"${launcher[@]}" head -c 1 "/proc/$responder/$1" >"$dir/seen" 2>"$dir/err" && [ -s "$dir/seen" ]
}

@test "another program of the same user sees neither environment nor memory" {
	need_sandbox
	# Root sees everything, unless it gives up its privileges.
	[ "$(id -u)" != 0 ] ||
		launcher=(setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all)
	"${launcher[@]}" true 2>"$dir/err" || skip "root cannot drop its privileges: $(cat "$dir/err")"
	local name names='environ maps auxv'
	with INGEST_SANDBOX=off
	start
	post "$generic"
	recorded custom
	for name in $names; do
		row "$name"
		looks_into "$name"
	done
	"${launcher[@]}" readlink "/proc/$responder/fd/0"
	grep -qz "$agentgate_secret" "/proc/$responder/environ"
	stop
	with INGEST_SANDBOX=on
	start
	post "$generic"
	recorded custom
	for name in $names; do
		row "$name"
		fails looks_into "$name"
	done
	fails "${launcher[@]}" readlink "/proc/$responder/fd/0"
}

@test "a folder that comes later is used, without a restart" {
	need_sandbox
	db=$dir/later/below/agentlens.db
	with DB_PATH="$db"
	start
	post "$generic"
	answered 503
	mkdir -p "${db%/*}"
	post "$generic"
	recorded custom
}

@test "a file that was replaced is used, without a restart" {
	need_sandbox
	mkdir "$dir/data"
	db=$dir/data/agentlens.db
	with DB_PATH="$db"
	start
	post "$generic"
	recorded custom
	rm "$db" "$db"-*
	post "$generic"
	recorded custom
	counted events 1
}

@test "a folder that was replaced needs a restart, which the log says" {
	need_sandbox
	mkdir "$dir/data"
	db=$dir/data/agentlens.db
	with DB_PATH="$db"
	start
	post "$generic"
	recorded custom
	mv "$dir/data" "$dir/moved"
	mkdir "$dir/data"
	post "$generic"
	answered 503
	grep -q 'if that folder was replaced, start the program again' "$dir/responder.log"
	stop
	post "$generic"
	recorded custom
	counted events 1
}

# without_calls INJECTION...: a kernel that does not have them.
without_calls() {
	local injection words=()
	for injection; do
		words+=(-e "inject=$injection")
	done
	launcher=(strace -D -f -qq -o "$dir/trace" "${words[@]}")
	"${launcher[@]}" true 2>"$dir/err" || skip "nothing can be traced: $(cat "$dir/err")"
}

@test "an older kernel gets what it has, and only who asks hears of it" {
	command -v strace >/dev/null || skip 'strace is not installed (Debian: strace)'
	need_sandbox
	local kernel expected error injections
	while IFS='|' read -r kernel expected error; do
		row "$kernel"
		: >"$dir/err"
		read -ra injections <<<"$kernel"
		without_calls "${injections[@]}"
		matches 'what holds' "$expected" "$(what_holds)"
		equal 'standard error' '' "$(cat "$dir/err")"
		with INGEST_LOG=debug
		what_holds
		grep -E "debug: sandbox=$error error=" "$dir/err"
		with INGEST_LOG=warn
		MODE=cgi post "$generic"
		recorded custom
	done <<-'END'
		landlock_create_ruleset:error=ENOSYS|system calls only.*|Landlock
		landlock_create_ruleset:error=EOPNOTSUPP|system calls only.*|Landlock
		landlock_restrict_self:error=EPERM|system calls only.*|Landlock
		seccomp:error=EINVAL prctl:error=EINVAL:when=3+|files only.*|seccomp
		seccomp:error=EINVAL prctl:error=EINVAL:when=3+ landlock_create_ruleset:error=ENOSYS|none.*|seccomp
		prctl:error=EINVAL:when=2|none.*|.no.new.privileges.
	END
}
