# Shared hosting: the archive of `make hosting`, installed as hosting/README.txt
# says, by a user who has FTP and nothing else. The host is an Apache with
# suexec in a mount namespace of its own, where /home, /etc/passwd and suexec's
# settings are ours; it is gone without a trace when Apache ends.
#
# run: once, 60 s

load ../lib/helper

# A user of the host, who is in no other passwd than its own.
friend=4242
home=/home/friend
site=$home/public_html/agentlens
data=$home/agentlens-data
generic='{"source":"generic","event":"e","data":{},"context":{"agentlens_session_id":"s"}}'

setup_file() {
	export host=$BATS_FILE_TMPDIR/host
	mkdir -m 755 "$host"
	build_archive && start_host 3>&-
}

teardown_file() {
	[ ! -s "$host/pid" ] || { kill "$(cat "$host/pid")" && until_gone "$(cat "$host/pid")"; }
}

# No test of this file can be run, for this reason.
cannot() {
	echo "$*" >"$host/skip"
	return 0
}

until_gone() {
	local tries=1500
	while kill -0 "$1" 2>/dev/null; do
		((tries-- > 0)) || return 1
		sleep 0.02
	done
}

build_archive() {
	local tool
	for tool in unzip curl unshare nsenter setpriv; do
		command -v "$tool" >/dev/null || { cannot "$tool is missing"; return; }
	done
	# The make that runs the tests is not this one's business.
	if ! env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$BUILD_DIR" hosting >"$host/make.log" 2>&1; then
		grep -q 'make hosting: missing:' "$host/make.log" || {
			cat "$host/make.log"
			return 1
		}
		cannot "$(grep 'make hosting: missing:' "$host/make.log")"
		return
	fi
	unzip -q "$BUILD_DIR"/agentlens-ingest-hosting-*.zip -d "$host/pc"
	mv "$host"/pc/* "$host/archive"
}

# What a host's administrator sets up.
write_configuration() {
	local modules=/usr/lib/apache2/modules
	[ -d $modules ] || modules=/usr/lib64/httpd/modules
	cat >"$host/apache.conf" <<-END
		ServerName 127.0.0.1
		PidFile /home/server/pid
		ErrorLog /home/server/error_log
		DocumentRoot /home/server/htdocs
		User www-data
		Group www-data
		LoadModule mpm_event_module $modules/mod_mpm_event.so
		LoadModule authz_core_module $modules/mod_authz_core.so
		LoadModule mime_module $modules/mod_mime.so
		LoadModule alias_module $modules/mod_alias.so
		LoadModule env_module $modules/mod_env.so
		LoadModule setenvif_module $modules/mod_setenvif.so
		LoadModule userdir_module $modules/mod_userdir.so
		LoadModule suexec_module $modules/mod_suexec.so
		LoadModule cgid_module $modules/mod_cgid.so
		ScriptSock /home/server/cgid.sock
		TypesConfig /dev/null
		<IfFile $modules/mod_fcgid.so>
			LoadModule fcgid_module $modules/mod_fcgid.so
			FcgidIPCDir /home/server/fcgid
			FcgidProcessTableFile /home/server/fcgid/table
		</IfFile>
		<Directory />
			AllowOverride None
			Require all denied
		</Directory>
		<Directory /home/friend>
			AllowOverride All
			Require all granted
		</Directory>
		<VirtualHost *>
			ServerName www.test
			DocumentRoot $home/public_html
			SuexecUserGroup friend friend
		</VirtualHost>
		<VirtualHost *>
			ServerName home-is-root.test
			DocumentRoot $home
			SuexecUserGroup friend friend
		</VirtualHost>
		<VirtualHost *>
			ServerName cgi-bin.test
			DocumentRoot $home/public_html
			ScriptAlias /cgi-bin/ $home/cgi-bin/
			SuexecUserGroup friend friend
		</VirtualHost>
		<VirtualHost *>
			ServerName users.test
			UserDir public_html
		</VirtualHost>
		<VirtualHost *>
			ServerName no-suexec.test
			DocumentRoot $home/public_html
		</VirtualHost>
		<VirtualHost *>
			ServerName no-override.test
			DocumentRoot $home/public_html
			SuexecUserGroup friend friend
			<Directory $home>
				AllowOverride None
			</Directory>
		</VirtualHost>
		<VirtualHost *>
			ServerName no-options.test
			DocumentRoot $home/public_html
			SuexecUserGroup friend friend
			<Directory $home>
				AllowOverride FileInfo AuthConfig
			</Directory>
		</VirtualHost>
	END
	mkdir "$host/suexec"
	printf '/home\npublic_html\n' >"$host/suexec/www-data"
	{ cat /etc/passwd; echo "friend:x:$friend:$friend::$home:/bin/sh"; } >"$host/passwd"
	{ cat /etc/group; echo "friend:x:$friend:"; } >"$host/group"
}

start_host() {
	local apache port tries pid
	[ ! -s "$host/skip" ] || return 0
	[ "$(id -u)" = 0 ] || { cannot 'a host of its own needs root'; return; }
	apache=$(PATH=$PATH:/usr/sbin command -v apache2 || PATH=$PATH:/usr/sbin command -v httpd) ||
		{ cannot 'apache2 is missing (Debian: apache2-bin)'; return; }
	[ -e /etc/apache2/suexec/www-data ] && [ -u /usr/lib/apache2/suexec-custom ] ||
		{ cannot 'suexec is missing (Debian: apache2-suexec-custom)'; return; }
	write_configuration
	for ((tries = 0; tries < 20; tries++)); do
		port=$((20000 + RANDOM % 10000))
		env -i PATH="$PATH" unshare -m -i sh -c '
			umask 022
			mount -t tmpfs -o mode=755 none /home &&
				mkdir -p /home/server/htdocs /home/server/fcgid &&
				chown www-data /home/server/fcgid &&
				mount -t tmpfs -o mode=755 none /var/log &&
				mkdir /var/log/apache2 &&
				mount --bind "$1/suexec" /etc/apache2/suexec &&
				mount --bind "$1/passwd" /etc/passwd &&
				mount --bind "$1/group" /etc/group && {
					test -d /run/apache2 || mkdir /run/apache2; } &&
				echo ready && exec "$2" -D FOREGROUND -f "$1/apache.conf" -c "Listen 127.0.0.1:$3"
			' sh "$host" "$apache" "$port" >"$host/output" 2>&1 </dev/null 3>&- &
		pid=$!
		echo "$pid" >"$host/pid"
		until grep -q ready "$host/output" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.02; done
		grep -q ready "$host/output" || {
			: >"$host/pid"
			cannot "no mount namespace: $(cat "$host/output")"
			return
		}
		until curl -so /dev/null "http://127.0.0.1:$port/" || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
		if inside test -e /home/server/pid; then
			echo "$port" >"$host/port"
			return 0
		fi
		kill "$pid" 2>/dev/null
		until_gone "$pid"
		: >"$host/pid"
		# Another program's port.
		grep -q 'could not bind' "$host/output" || break
	done
	cat "$host/output"
	return 1
}

# inside COMMAND...: as root, on the host.
inside() {
	nsenter -t "$(cat "$host/pid")" -m -i -- "$@"
}

# friendly COMMAND...: as the user, on the host.
friendly() {
	inside env -i PATH="$PATH" setpriv --reuid=$friend --regid=$friend --clear-groups "$@"
}

# upload FILE TARGET: as FTP does it: the bytes alone, and the server's umask.
upload() {
	friendly sh -c 'umask 022; cat >"$1"' sh "$2" <"$1"
}

setup() {
	[ ! -s "$host/skip" ] || skip "$(cat "$host/skip")"
	dir=$BATS_TEST_TMPDIR
	responders=()
	locker=
	port=$(cat "$host/port")
	db=$data/agentlens.db
	inside sh -c ': >/home/server/error_log; : >/var/log/apache2/suexec.log'
	inside sh -c 'umask 022; rm -rf "$1" && mkdir "$1" && chown "$2:$2" "$1" && chmod 711 "$1"' sh "$home" $friend
	friendly mkdir -m 755 "$home/public_html"
}

teardown() {
	[ ! -s "$host/skip" ] || return 0
	inside sh -c 'for at in "$1"/*; do ! mountpoint -q "$at" || umount -l "$at"; done; cat /home/server/error_log' \
		sh "$home" | sed 's/^/error_log: /'
	[ ! -d "$dir" ] || chmod -R u+w "$dir"
}

# put_program NAME [FOLDER]: steps 2 and 3.
put_program() {
	friendly mkdir -p -m 755 "${2:-$site}"
	upload "$host/archive/.htaccess" "${2:-$site}/.htaccess"
	upload "$host/archive/agentlens-ingest.cgi" "${2:-$site}/$1"
	friendly chmod 755 "${2:-$site}/$1"
}

# put_settings [NAME=VALUE...]: steps 5 and 6; later lines win.
put_settings() {
	[ $# = 0 ] || printf '%s\n' "$@" >"$dir/more"
	[ $# != 0 ] || : >"$dir/more"
	sed -e "s|/home/YOURNAME|$home|" \
		-e "s|^AGENTGATE_WEBHOOK_SECRET=.*|&$agentgate_secret|" \
		"$host/archive/agentlens-ingest.conf" | cat - "$dir/more" >"$dir/settings"
	upload "$dir/settings" "$home/agentlens-ingest.conf"
	friendly mv "$home/agentlens-ingest.conf" "$home/.agentlens-ingest.conf"
	friendly chmod 600 "$home/.agentlens-ingest.conf"
}

# put_all: what most tests begin with.
put_all() {
	put_program agentlens-ingest.cgi
	friendly mkdir -m 700 "$data"
	put_settings
}

# visit URL [OPTION...]: asks the host; URL is HOST/PATH.
visit() {
	curl -sS -o "$dir/body.out" -D "$dir/head.out" "${@:2}" -H 'Expect:' \
		--resolve "${1%%/*}:$port:127.0.0.1" "http://${1%%/*}:$port/${1#*/}" || return 1
	tr -d '\r' <"$dir/head.out" >"$dir/head"
	code=$(awk 'NR == 1 { print $2 }' "$dir/head")
	phrase=
	headers=$(sed 1d "$dir/head")
	answer=$(cat "$dir/body.out")
	: >"$dir/err"
}

# send BODY [URL [OPTION...]]
send() {
	visit "${2:-www.test/agentlens/agentlens-ingest.cgi}" \
		-H 'Content-Type: application/json' --data-binary "$1" "${@:3}"
}

query() {
	friendly sqlite3 -batch -cmd '.timeout 10000' "$db" "$1"
}

# Also chain_intact asks by this name.
sqlite3() {
	friendly "$(type -P sqlite3)" "$@"
}

healthy() {
	visit "${1:-www.test/agentlens/agentlens-ingest.cgi}/health"
	answered 200 && equal answer '{"status":"ok"}' "$answer"
}

# not COMMAND...: bats does not see a failure of `! command`.
not() {
	! "$@"
}

# page CODE: the answer is the web server's own, not the program's.
page() {
	equal status "$1" "$code" && [[ $answer == *'<'*'>'* ]] || { show_reply; return 1; }
}

# logged REGEX: our program has said so.
logged() {
	inside cat /home/server/error_log >"$dir/log"
	grep -E "agentlens-ingest\[[0-9]+\]: .*$1" "$dir/log" >/dev/null || {
		echo "not logged: $1"
		return 1
	}
}

unavailable() {
	refused 503 'The database cannot be written; send the event again' &&
		[ -n "$(header Retry-After)" ]
}

@test "the program needs nothing of the host but an x86-64 of any age and a kernel" {
	local program=$host/archive/agentlens-ingest.cgi
	command -v readelf >/dev/null || skip 'readelf is missing'
	readelf -hlnSW "$program" >"$dir/elf"
	grep -q 'Machine: *Advanced Micro Devices X86-64' "$dir/elf"
	not grep -Eq ' INTERP |\.(symtab|debug_info) ' "$dir/elf"
	[ "$(readelf -dW "$program" | grep -c NEEDED)" = 0 ]
	matches kernel '[0-3]\.[0-9.]+' "$(sed -n 's/.*OS: Linux, ABI: //p' "$dir/elf")"
	grep -q 'x86 ISA needed: x86-64-baseline' "$dir/elf"
	# Where ordinary programs are PIE, so is this one.
	if readelf -h "$INGEST" | grep -q 'Type: *DYN'; then
		grep -q 'Type: *DYN' "$dir/elf"
	fi
}

@test "the program is the same: what it says about itself" {
	local program=$host/archive/agentlens-ingest.cgi
	equal version "$("$INGEST" --version | head -n 1)" "$("$program" --version | head -n 1)"
	equal mapping "$("$INGEST" --print-mapping)" "$("$program" --print-mapping)"
}

@test "the archive holds what README.txt names, with modes that are right" {
	local name
	cd "$host/archive"
	equal files $'.htaccess\nLICENSES.txt\nREADME.txt\nagentlens-ingest.cgi\nagentlens-ingest.conf\nagentlens-log\nwhere.cgi' "$(ls -A)"
	for name in .htaccess LICENSES.txt agentlens-ingest.cgi agentlens-ingest.conf agentlens-log where.cgi; do
		row "$name"
		grep -q "^  ${name//./\\.} " README.txt
	done
	equal modes $'644 .htaccess\n644 LICENSES.txt\n644 README.txt\n755 agentlens-ingest.cgi\n644 agentlens-ingest.conf\n755 agentlens-log\n755 where.cgi' \
		"$(stat -c '%a %n' .htaccess ./* | sed 's| \./| |')"
	grep -q 'MIT' LICENSES.txt
}

@test "no name service, locale or converter is asked for" {
	command -v strace >/dev/null || skip 'strace is missing'
	put_all
	printf %s "$generic" | inside strace -f -o /home/server/trace -e trace=file,network -u friend \
		env -i REQUEST_METHOD=POST GATEWAY_INTERFACE=CGI/1.1 SCRIPT_NAME=/x "$site/agentlens-ingest.cgi" >"$dir/out" ||
		skip 'strace does not work here'
	grep -q '^Status: 201' "$dir/out"
	inside cat /home/server/trace >"$dir/trace"
	# What env itself opens comes before.
	sed -n '/execve("\/home/,$p' "$dir/trace" >"$dir/ours"
	grep -q '"/etc/passwd"' "$dir/ours"
	not grep -E 'nsswitch|libnss|nscd|locale|gconv|iconv|ld\.so|\.so["]|socket\(' "$dir/ours"
}

@test "README.txt, step by step" {
	# 2, 3
	put_program agentlens-ingest.cgi
	upload "$host/archive/where.cgi" "$site/where.cgi"
	friendly chmod 755 "$site/where.cgi"
	# 4
	visit www.test/agentlens/where.cgi
	equal status 200 "$code"
	[[ $answer == *"Programs run as:  friend (number $friend)"* ]]
	[[ $answer == *"Home folder:      $home"$'\n'* ]]
	[[ $answer == *"Served from:      $home/public_html"$'\n'* ]]
	[[ $answer == *"There is no $home/.agentlens-ingest.conf yet."* ]]
	friendly rm "$site/where.cgi"
	# 5, 6
	friendly mkdir -m 700 "$data"
	put_settings
	# 7
	healthy
	# 8: the very line
	local line
	line=$(grep '^curl ' "$host/archive/README.txt")
	equal 'lines with curl' 1 "$(grep -c '^curl ' "$host/archive/README.txt")"
	bash -c "${line//https:\/\/YOUR.SITE/http://127.0.0.1:$port}" >"$dir/curl" 2>/dev/null
	head -n 1 "$dir/curl" | grep -q '^HTTP/1.1 201 '
	tail -n 1 "$dir/curl" | grep -q '"ok":true'
	counted events 1
	equal 'mode and owner' "600 $friend" "$(friendly stat -c '%a %u' "$db")"
	# 9
	put_settings GENERIC_WEBHOOK_SECRET="$generic_secret"
	bash -c "${line//https:\/\/YOUR.SITE/http://127.0.0.1:$port}" 2>/dev/null | head -n 1 | grep -q '^HTTP/1.1 401 '
	# 10
	local test='{"event":"test","data":{"message":"Test webhook from AgentGate"},"timestamp":1795451888628}'
	send "$test" www.test/agentlens/agentlens-ingest.cgi \
		-H "X-AgentGate-Signature: $(printf %s "$test" | sign "$agentgate_secret")"
	recorded custom
	send "$test" www.test/agentlens/agentlens-ingest.cgi \
		-H "X-AgentGate-Signature: $(printf %s "$test" | sign "$agentgate_secret")"
	recorded custom
	equal replayed true "$(header Idempotent-Replayed)"
	send "$test" www.test/agentlens/agentlens-ingest.cgi -H "X-AgentGate-Signature: $(printf %064d 0)"
	refused 401 'Invalid webhook signature'
	counted events 2
	chain_intact
}

@test "a name of its own, no HOME, and umask 022" {
	put_all
	put_program hook.cgi
	printf '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nenv\numask\n' >"$dir/env.cgi"
	upload "$dir/env.cgi" "$site/env.cgi"
	friendly chmod 755 "$site/env.cgi"
	visit www.test/agentlens/env.cgi
	not grep -q '^HOME=' <<<"$answer"
	equal umask 0022 "${answer##*$'\n'}"
	healthy www.test/agentlens/hook.cgi
	send "$generic" www.test/agentlens/hook.cgi
	recorded custom s
	send "$generic" 'www.test/agentlens/hook.cgi?--version'
	recorded custom s
	counted events 2
}

@test "a cgi-bin" {
	put_all
	friendly mkdir -m 755 "$home/cgi-bin"
	put_program agentlens-ingest.cgi "$home/cgi-bin/agentlens"
	healthy cgi-bin.test/cgi-bin/agentlens/agentlens-ingest.cgi
	send "$generic" cgi-bin.test/cgi-bin/agentlens/agentlens-ingest.cgi
	recorded custom s
}

@test "the site of a user without a name of its own, ~friend" {
	put_all
	healthy users.test/~friend/agentlens/agentlens-ingest.cgi
	send "$generic" users.test/~friend/agentlens/agentlens-ingest.cgi
	recorded custom s
}

@test "a third-party sender, also one with Authorization" {
	put_program agentlens-ingest.cgi
	friendly mkdir -m 700 "$data"
	put_settings ALERTMANAGER_WEBHOOK_SECRET=alert-token-0123456789
	upload "$host/archive/.htaccess" "$site/.htaccess"
	send '{"status":"firing","groupKey":"g"}' www.test/agentlens/agentlens-ingest.cgi/alertmanager \
		-H 'Authorization: Bearer alert-token-0123456789'
	answered 200
	send '{"status":"firing","groupKey":"g"}' www.test/agentlens/agentlens-ingest.cgi/alertmanager \
		-H 'Authorization: Bearer alert-token'
	refused 401 'Invalid webhook signature'
	counted events 1
}

@test "FastCGI, by mod_fcgid and suexec" {
	[ -e /usr/lib/apache2/modules/mod_fcgid.so ] || skip 'mod_fcgid is missing (Debian: libapache2-mod-fcgid)'
	put_all
	put_program agentlens-ingest.fcgi
	{ cat "$host/archive/.htaccess"; echo 'AddHandler fcgid-script .fcgi'; } >"$dir/htaccess"
	upload "$dir/htaccess" "$site/.htaccess"
	healthy www.test/agentlens/agentlens-ingest.fcgi
	local i
	for i in 1 2 3; do
		send "$generic" www.test/agentlens/agentlens-ingest.fcgi
		recorded custom s
	done
	counted events 3
	chain_intact
	# As README.txt warns.
	printf '{"source":"generic","event":"e","data":{"x":"%0140000d"}}' 0 >"$dir/large"
	send @"$dir/large" www.test/agentlens/agentlens-ingest.fcgi
	page 500
	send @"$dir/large"
	recorded custom
}

@test ".htaccess gives out nothing but programs" {
	put_all
	upload "$dir/settings" "$site/.agentlens-ingest.conf"
	upload "$dir/settings" "$site/agentlens-ingest.conf"
	upload "$dir/settings" "$site/agentlens.db"
	upload "$dir/settings" "$site/agentlens.db-wal"
	upload "$dir/settings" "$home/public_html/agentlens.db"
	local name
	for name in .agentlens-ingest.conf agentlens-ingest.conf agentlens.db agentlens.db-wal .htaccess ''; do
		row "$name"
		visit "www.test/agentlens/$name"
		page 403
	done
	# Which it would be elsewhere.
	visit www.test/agentlens.db
	equal status 200 "$code"
	healthy
}

@test "a database inside the document root is refused" {
	put_all
	friendly mkdir -m 700 "$home/public_html/data"
	put_settings DB_PATH="$home/public_html/data/agentlens.db"
	send "$generic"
	refused 500 'Refusing to work inside the document root: move the database out'
	logged "database=$home/public_html/data/agentlens.db document_root=$home/public_html error=\"anybody could download it\" hint=\"move it, and set DB_PATH to a folder outside\""
	visit www.test/agentlens/agentlens-ingest.cgi/health
	refused 500 'Refusing to work inside the document root: move the database out'
	equal 'files there' '' "$(friendly ls -A "$home/public_html/data")"
}

@test "a database inside the site of ~friend is refused" {
	put_all
	friendly mkdir -m 700 "$home/public_html/data"
	put_settings DB_PATH="$home/public_html/data/agentlens.db"
	send "$generic" users.test/~friend/agentlens/agentlens-ingest.cgi
	refused 500 'Refusing to work inside the document root: move the database out'
	logged "database=$home/public_html/data/agentlens.db document_root=$home/public_html "
	equal 'files there' '' "$(friendly ls -A "$home/public_html/data")"
}

@test "settings inside the document root are refused" {
	put_all
	# On the tmpfs of /home, so outside of the home folder.
	inside install -d -m 700 -o friend -g friend /home/elsewhere
	put_settings DB_PATH=/home/elsewhere/agentlens.db
	send "$generic" home-is-root.test/public_html/agentlens/agentlens-ingest.cgi
	refused 500 'Refusing to work inside the document root: move the settings file out'
	logged "settings=$home/.agentlens-ingest.conf document_root=$home error=\"anybody could download it\" hint=\"move it outside the document root\""
	inside rm -r /home/elsewhere
}

@test "settings that are wrong: the log names file and line" {
	put_all
	local lines
	lines=$(($(wc -l <"$dir/settings") + 1))
	put_settings DATABSE=/x
	send "$generic"
	refused 500 "The settings are not usable; the server's log says why"
	logged "$home/\.agentlens-ingest\.conf:$lines: unknown setting DATABSE"
	put_settings 'a word'
	send "$generic"
	answered 500
	logged "$home/\.agentlens-ingest\.conf:$lines: a line must be NAME=value"
	put_settings
	inside chown root "$home/.agentlens-ingest.conf"
	send "$generic"
	answered 500
	logged "$home/\.agentlens-ingest\.conf cannot be read: Permission denied"
	friendly test ! -e "$db"
}

@test "settings as an editor of Windows leaves them" {
	put_all
	{ printf '\357\273\277'; sed 's/$/\r/' "$dir/settings"; } >"$dir/windows"
	upload "$dir/windows" "$home/.agentlens-ingest.conf"
	local test='{"event":"test","data":{}}'
	send "$test" www.test/agentlens/agentlens-ingest.cgi \
		-H "X-AgentGate-Signature: $(printf %s "$test" | sign "$agentgate_secret")"
	recorded custom
}

@test "no settings file: the log names the folder of the default, which README.txt explains" {
	put_all
	friendly rm "$home/.agentlens-ingest.conf"
	send "$generic"
	unavailable
	logged 'folder=/[^ ]*/lib/agentlens-ingest error="No such file or directory"'
	send '{"source":"agentgate","event":"test","data":{}}'
	refused 500 'Webhook secret not configured for source: agentgate'
}

@test "a folder that does not exist, or is read-only" {
	put_all
	friendly rmdir "$data"
	send "$generic"
	unavailable
	logged "folder=$data error=\"No such file or directory\""
	friendly mkdir -m 555 "$data"
	send "$generic"
	unavailable
	logged "folder=$data error=\"Permission denied\" hint="
	visit www.test/agentlens/agentlens-ingest.cgi/health
	unavailable
	friendly chmod 700 "$data"
	send "$generic"
	recorded custom s
	# With a database in it.
	inside sh -c ': >/home/server/error_log'
	friendly chmod 555 "$data"
	send "$generic"
	unavailable
	logged "(folder|database)=$data"
	friendly chmod 700 "$data"
	send "$generic"
	recorded custom s
	friendly chmod 400 "$db"
	inside sh -c ': >/home/server/error_log'
	send "$generic"
	unavailable
	logged "database=$db .*(readonly|Permission denied)"
	friendly chmod 600 "$db"
	send "$generic"
	recorded custom s
	counted events 3
	chain_intact
}

@test "a file system that is mounted read-only" {
	put_all
	inside mount -t tmpfs -o "mode=700,uid=$friend,gid=$friend" none "$data"
	send "$generic"
	recorded custom s
	inside mount -o remount,ro "$data"
	send "$generic"
	unavailable
	logged "(folder|database)=$data"
	visit www.test/agentlens/agentlens-ingest.cgi/health
	unavailable
	inside mount -o remount,rw "$data"
	send "$generic"
	recorded custom s
	counted events 2
}

@test "a full disk: 503, nothing by halves, and it goes on when there is room" {
	put_all
	inside mount -t tmpfs -o "size=300k,mode=700,uid=$friend,gid=$friend" none "$data"
	local i taken=0 large
	printf -v large '{"source":"generic","event":"e","data":{"x":"%012000d"},"context":{"agentlens_session_id":"s"}}' 0
	for ((i = 0; i < 60; i++)); do
		send "$large"
		[ "$code" = 201 ] || break
		taken=$((taken + 1))
	done
	unavailable
	logged "(folder|database)=$data"
	[ "$taken" -gt 0 ]
	visit www.test/agentlens/agentlens-ingest.cgi/health
	[ "$code" = 200 ] || unavailable
	inside mount -o remount,size=3m "$data"
	equal integrity ok "$(query 'PRAGMA integrity_check')"
	counted events "$taken"
	counted ingest_deliveries "$taken"
	send "$large"
	recorded custom s
	counted events $((taken + 1))
	chain_intact
}

# Of FUSE with direct_io no shared memory is to be had, as of some hosts'
# network disks.
no_shared_memory() {
	command -v bindfs >/dev/null || skip 'bindfs is missing'
	friendly mkdir -m 700 "$home/disk"
	inside bindfs -o direct_io "$home/disk" "$data" 2>"$dir/err" ||
		skip "bindfs does not work here: $(cat "$dir/err")"
}

@test "a file system without shared memory: a warning, and it is stored" {
	put_all
	no_shared_memory
	send "$generic"
	recorded custom s
	logged "database=$db warning=\"no write-ahead log here, .*INGEST_JOURNAL=delete ends this warning\""
	send "$generic"
	recorded custom s
	put_settings INGEST_JOURNAL=delete
	inside sh -c ': >/home/server/error_log'
	send "$generic"
	recorded custom s
	not logged warning
	counted events 3
	chain_intact
}

@test "a database that moves to a file system without shared memory" {
	put_all
	send "$generic"
	recorded custom s
	# As a backup that was made with a write-ahead log.
	friendly cp "$db" "$home/agentlens.db"
	friendly rm -r "$data"
	friendly mkdir -m 700 "$data"
	no_shared_memory
	friendly sh -c 'umask 077; cat "$1" >"$2"' sh "$home/agentlens.db" "$db"
	send "$generic"
	recorded custom s
	counted events 2
	chain_intact
}

# A System V semaphore keeps our processes in order, and its key is no secret.
@test "a neighbour cannot hold the program up" {
	command -v perl >/dev/null || skip 'perl is missing'
	put_all
	send "$generic"
	recorded custom s
	inside sh -c 'ipcrm --all=sem 2>/dev/null || :'
	local device inode
	read -r device inode < <(friendly stat -c '%d %i' "$db")
	inside setpriv --reuid=4343 --regid=4343 --clear-groups perl -e '
		$key = 0x41 << 24 | ($ARGV[0] & 0xff) << 16 | $ARGV[1] & 0xffff;
		$id = semget($key, 1, 01666) // die "semget: $!\n";
		semop($id, pack("s!3", 0, 1, 0)) || die "semop: $!\n"' "$device" "$inode"
	send "$generic"
	recorded custom s
	counted events 2
}

@test "what keeps the web server from starting the program" {
	put_all
	friendly chmod 644 "$site/agentlens-ingest.cgi"
	send "$generic"
	[ "$code" = 403 ] || page 500
	friendly chmod 775 "$site/agentlens-ingest.cgi"
	send "$generic"
	page 500
	friendly chmod 755 "$site/agentlens-ingest.cgi"
	friendly chmod 777 "$site"
	send "$generic"
	page 500
	friendly chmod 755 "$site"
	send "$generic"
	recorded custom s
	# A transfer as text.
	sed 's/\r$//' "$host/archive/agentlens-ingest.cgi" >"$dir/text"
	not cmp -s "$dir/text" "$host/archive/agentlens-ingest.cgi"
	upload "$dir/text" "$site/text.cgi"
	friendly chmod 755 "$site/text.cgi"
	send "$generic" www.test/agentlens/text.cgi
	[ "$code" != 201 ]
	counted events 1
}

@test "a host that allows less in .htaccess" {
	put_all
	# Nothing of it: the file is offered for download.
	visit no-override.test/agentlens/agentlens-ingest.cgi
	equal status 200 "$code"
	cmp "$dir/body.out" "$host/archive/agentlens-ingest.cgi"
	# No Options: a page, for any file of the folder.
	visit no-options.test/agentlens/agentlens-ingest.cgi/health
	page 500
	visit no-options.test/agentlens/any.txt
	page 500
	# Without the line it goes no further than 403, as CGI is not allowed.
	sed '/^Options/d' "$host/archive/.htaccess" >"$dir/htaccess"
	upload "$dir/htaccess" "$site/.htaccess"
	visit no-options.test/agentlens/agentlens-ingest.cgi/health
	page 403
	friendly rm "$site/.htaccess"
	visit www.test/agentlens/agentlens-ingest.cgi
	cmp "$dir/body.out" "$host/archive/agentlens-ingest.cgi"
}

@test "a host where programs do not run as the user" {
	put_all
	upload "$host/archive/where.cgi" "$site/where.cgi"
	friendly chmod 755 "$site/where.cgi"
	visit no-suexec.test/agentlens/where.cgi
	[[ $answer == *'Programs run as:  www-data (number '* ]]
	friendly chmod 644 "$home/.agentlens-ingest.conf"
	{ cat "$host/archive/.htaccess"; grep -o 'SetEnv INGEST_CONFIG .*' "$host/archive/README.txt" |
		sed "s|/home/YOURNAME|$home|"; } >"$dir/htaccess"
	upload "$dir/htaccess" "$site/.htaccess"
	send "$generic" no-suexec.test/agentlens/agentlens-ingest.cgi
	unavailable
	logged "folder=$data error=\"Permission denied\""
	friendly chmod 777 "$data"
	send "$generic" no-suexec.test/agentlens/agentlens-ingest.cgi
	recorded custom s
}

@test "an update by renaming, while events arrive" {
	put_all
	local i pid
	{
		for ((i = 0; i < 30; i++)); do
			curl -s -o /dev/null -w '%{http_code}\n' -H 'Host: www.test' -d "$generic" \
				"http://127.0.0.1:$port/agentlens/agentlens-ingest.cgi"
		done >"$dir/codes"
	} 3>&- &
	pid=$!
	for i in 1 2 3; do
		upload "$host/archive/agentlens-ingest.cgi" "$site/agentlens-ingest.new"
		friendly chmod 755 "$site/agentlens-ingest.new"
		friendly mv "$site/agentlens-ingest.new" "$site/agentlens-ingest.cgi"
	done
	wait "$pid"
	equal answers '30 201' "$(sort "$dir/codes" | uniq -c | sed 's/^ *//')"
	counted events 30
	chain_intact
}

@test "events are fetched whole" {
	put_all
	send "$generic"
	recorded custom s
	# With cron or ssh: the very line.
	local line
	upload "$host/archive/agentlens-log" "$data/agentlens-log"
	friendly chmod 700 "$data/agentlens-log"
	line=$(sed -n 's/^    \(.*agentlens-log backup .*\)/\1/p' "$host/archive/README.txt")
	[ -n "$line" ]
	friendly sh -c "cd '$home' && $line"
	equal events 1 "$(friendly sqlite3 "$data/copy.db" 'SELECT count(*) FROM events')"
	friendly rm "$data/copy.db"
	# With FTP alone.
	friendly mv "$site/agentlens-ingest.cgi" "$site/agentlens-ingest.off"
	send "$generic"
	[ "$code" -ge 400 ]
	local file
	for file in agentlens.db agentlens.db-wal; do
		! friendly test -e "$data/$file" || friendly cat "$data/$file" >"$dir/copy${file#agentlens}"
	done
	friendly mv "$site/agentlens-ingest.off" "$site/agentlens-ingest.cgi"
	send "$generic"
	recorded custom s
	equal copy 'ok 1' "$(command sqlite3 "$dir/copy.db" 'PRAGMA integrity_check; SELECT count(*) FROM events' | paste -sd ' ' -)"
	counted events 2
	chain_intact
}
