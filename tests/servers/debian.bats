# The Debian package: it is built, looked through, installed, used and removed
# again, in a container that has this machine's files and changes none of them.
#
# run: once, 120 s

load ../lib/helper
load ../lib/box

conf=/etc/agentlens-ingest.conf
data=/var/lib/agentlens-ingest
box_variables+=(conf data)

setup_file() {
	local folder=$BATS_FILE_TMPDIR tool
	# The package's own build runs the tests.
	if [ "${AGENTLENS_TEST_PACKAGE-}" = no ]; then
		echo 'the package is being built' >"$folder/skip"
		return
	fi
	for tool in dpkg-buildpackage:dpkg-dev dh:debhelper autoreconf:autoconf lintian:lintian; do
		command -v "${tool%:*}" >/dev/null || {
			echo "${tool%:*} is not installed (Debian: ${tool#*:})" >"$folder/skip"
			return
		}
	done
	build_package "$folder" >"$folder/log" 2>&1 3>&- || echo failed >"$folder/failed"
}

# build_package FOLDER: of what is in a release, in a copy. Nothing of the make
# that runs the tests, nor of bats, is for it.
build_package() {
	local clean=(env -i PATH="$PATH" HOME="$1" LC_ALL=C.UTF-8)
	# Root can take the network away.
	[ "$(id -u)" != 0 ] || clean=(unshare --net "${clean[@]}")
	"${clean[@]}" make -C "$BUILD_DIR" distdir distdir="$1/agentlens-ingest" &&
		cd "$1/agentlens-ingest" &&
		"${clean[@]}" DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b
}

setup_package() {
	[ ! -e "$BATS_FILE_TMPDIR/skip" ] || skip "$(cat "$BATS_FILE_TMPDIR/skip")"
	[ ! -e "$BATS_FILE_TMPDIR/failed" ] || {
		tail -n 40 "$BATS_FILE_TMPDIR/log"
		return 1
	}
	package=$(echo "$BATS_FILE_TMPDIR"/agentlens-ingest_*.deb)
	source=$BATS_FILE_TMPDIR/agentlens-ingest
}

# setup_machine: what the tests below need inside of the box.
setup_machine() {
	setup_package
	setup_box
	cp "$package" "$share/agentlens-ingest.deb"
	cp "$SOURCE_DIR/examples/send-event" "$source/debian/agentlens-ingest.README.Debian" "$share"
	cp "$FCGI_REQUEST" "$share/fcgi-request"
}

# contains MODE OWNER PATH [-> TARGET]
contains() {
	grep -qE "^$1 +$2 .* \./${3}$" "$dir/contents" || {
		echo "missing: $*"
		grep -F "${3%% *}" "$dir/contents"
		return 1
	}
}

@test "the package builds without a network" {
	setup_package
	[ -s "$package" ]
	# The tests were left out, and nothing else.
	fails grep -q 'FastCGI: ' "$BATS_FILE_TMPDIR/log"
	equal version "$("$INGEST" --version | sed -n '1s/.* //p')" "$(dpkg-deb -f "$package" Version)"
	# Nothing of what was installed was forgotten.
	fails grep -iE 'dh_missing: (warning|error)' "$BATS_FILE_TMPDIR/log"
}

@test "lintian finds neither errors nor warnings" {
	setup_package
	lintian --allow-root --fail-on error,warning "$BATS_FILE_TMPDIR"/agentlens-ingest_*.changes >"$dir/out" 2>&1 || {
		cat "$dir/out"
		return 1
	}
	fails grep '^[EW]:' "$dir/out"
}

@test "what is in the package, with which modes" {
	local name
	setup_package
	dpkg-deb -c "$package" >"$dir/contents"
	contains -rw-r----- root/root etc/agentlens-ingest.conf
	contains -rwxr-xr-x root/root usr/sbin/agentlens-ingest
	contains lrwxrwxrwx root/root 'usr/lib/cgi-bin/agentlens-ingest -> ../../sbin/agentlens-ingest'
	contains -rw-r--r-- root/root etc/lighttpd/conf-available/50-agentlens-ingest.conf
	contains -rw-r--r-- root/root etc/apache2/conf-available/agentlens-ingest.conf
	contains -rw-r--r-- root/root etc/nginx/snippets/agentlens-ingest.conf
	contains -rw-r--r-- root/root '(usr/)?lib/systemd/system/agentlens-ingest.service'
	contains -rw-r--r-- root/root '(usr/)?lib/systemd/system/agentlens-ingest.socket'
	contains -rw-r--r-- root/root usr/lib/sysusers.d/agentlens-ingest.conf
	contains -rw-r--r-- root/root usr/lib/tmpfiles.d/agentlens-ingest.conf
	contains -rw-r--r-- root/root usr/share/doc/agentlens-ingest/README.Debian
	contains -rwxr-xr-x root/root usr/bin/agentlens-log
	for name in bash-completion/completions/ zsh/vendor-completions/_ fish/vendor_completions.d/; do
		contains -rw-r--r-- root/root "usr/share/${name}agentlens-log(.fish)?"
		contains -rw-r--r-- root/root "usr/share/${name}agentlens-ingest(.fish)?"
	done
	contains -rw-r--r-- root/root usr/share/man/man1/agentlens-log.1.gz
	contains -rw-r--r-- root/root usr/share/man/man8/agentlens-ingest.8.gz
	contains -rw-r--r-- root/root usr/share/man/man5/agentlens-ingest.conf.5.gz
	fails grep -E 'set-?id|[-l]rw[sS]|usr/local|home/' "$dir/contents"
	# `agentlens-log send` posts with it.
	matches Suggests '(.*, )?curl(, .*)?' "$(dpkg-deb -f "$package" Suggests)"
	equal conffiles 4 "$(dpkg-deb -I "$package" conffiles | wc -l)"
}

@test "the settings file is the example, with Debian's paths" {
	setup_package
	dpkg-deb --fsys-tarfile "$package" | tar -xO ./etc/agentlens-ingest.conf >"$dir/conf"
	fails grep -n /usr/local "$dir/conf"
	grep -qx '#DB_PATH=/var/lib/agentlens-ingest/agentlens.db' "$dir/conf"
	equal 'names' "$(grep -oE '^#[A-Z_]+=' "$SOURCE_DIR/examples/agentlens-ingest.conf")" \
		"$(grep -oE '^#[A-Z_]+=' "$dir/conf")"
}

# --- Inside ------------------------------------------------------------------

installed() {
	export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin
	# What this very machine has of it is not for the tests.
	if dpkg -s agentlens-ingest; then dpkg -P agentlens-ingest; fi
	rm -rf "$data"
	dpkg -i /share/agentlens-ingest.deb
}

has_user_and_modes() {
	getent passwd agentlens-ingest | grep nologin
	[ "$(stat -c '%U %G %a' "$data")" = 'agentlens-ingest agentlens-ingest 700' ]
	[ "$(stat -c '%U %G %a' "$conf")" = 'root agentlens-ingest 640' ]
	[ -L /etc/systemd/system/sockets.target.wants/agentlens-ingest.socket ]
	fails runuser -u www-data -- cat "$conf"
	fails runuser -u www-data -- ls "$data"
}

# said TEXT: what the README says is what is done; the lines with TEXT, and
# those that they are joined to.
said() {
	sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' -e '}' /share/agentlens-ingest.README.Debian |
		grep -F "$1" | sed 's/^ *//'
}

configured() {
	sed -i "s/^#AGENTGATE_WEBHOOK_SECRET=.*/AGENTGATE_WEBHOOK_SECRET=$agentgate_secret/" "$conf"
	grep -qx "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" "$conf"
	eval "$(said 'agentlens-ingest --check' | head -n 1)"
}

started_with_spawn_fcgi() {
	eval "$(said 'spawn-fcgi -s')"
	[ "$(stat -c '%U %G %a' /run/agentlens-ingest.sock)" = 'www-data www-data 660' ]
}

# send NUMBER: a signed event through the web server of the box.
send() {
	local url=${url-http://127.0.0.1/api/events/ingest}
	printf '{"source":"agentgate","event":"request.approved","data":{"requestId":"%s"}}' "$1" |
		WEBHOOK_SECRET=$agentgate_secret sh /share/send-event -i -u "$url" | tee /share/answer
	grep -q '^HTTP/1.1 201' /share/answer
	grep -q '"eventType":"approval_granted"' /share/answer
}

events() {
	sqlite3 -readonly "$data/agentlens.db" 'SELECT count(*) FROM events'
}

# served: what every web server must do with its snippet.
served() {
	local url=http://127.0.0.1/api/events/ingest
	until_true curl -fsS "$url/health"
	send "$1"
	[ "$(curl -sS -o /share/answer -w '%{http_code}' "$url" -d '{}')" = 400 ]
	grep '"status":400' /share/answer
	# The largest body, and one byte more, reach the program.
	printf '{"source":"generic","event":"e","data":{"x":"%*s"}}' $((1048576 - 48)) '' >/share/large
	[ "$(stat -c %s /share/large)" = 1048576 ]
	[ "$(curl -sS -o /share/answer -w '%{http_code}' "$url" -H Expect: --data-binary @/share/large)" = 201 ]
	echo >>/share/large
	[ "$(curl -sS -o /share/answer -w '%{http_code}' "$url" -H Expect: --data-binary @/share/large)" = 413 ]
	grep '"error":"Body is larger than 1048576 bytes"' /share/answer
	# Only the endpoint is the program's.
	curl -sS "${url}ion" >/share/answer
	fails grep '"error"' /share/answer
	# Whom the events belong to.
	[ "$(stat -c '%U %a' "$data/agentlens.db")" = 'agentlens-ingest 600' ]
	[ "$(events)" = 2 ]
}

through_lighttpd() {
	eval "$(said 'lighty-enable-mod agentlens-ingest')"
	lighttpd -tt -f /etc/lighttpd/lighttpd.conf >/share/out 2>&1
	fails grep . /share/out
	served lighttpd
}

through_apache() {
	eval "$(said 'a2enmod proxy_fcgi')"
	served apache
}

through_nginx() {
	local line
	line=$(said 'include snippets/agentlens-ingest.conf;')
	sed -i "0,/server_name/s||$line\n\t&|" /etc/nginx/sites-enabled/default
	grep -F "$line" /etc/nginx/sites-enabled/default
	service nginx restart
	served nginx
}

@test "installed, it answers through lighttpd with the packaged snippet" {
	setup_machine
	[ -e /etc/lighttpd/lighttpd.conf ] || skip "there is no Debian's lighttpd"
	in_box installed has_user_and_modes configured started_with_spawn_fcgi through_lighttpd
}

@test "installed, it answers through Apache with the packaged snippet" {
	setup_machine
	[ -e /etc/apache2/apache2.conf ] || skip "there is no Debian's Apache"
	in_box installed configured started_with_spawn_fcgi through_apache
}

@test "installed, it answers through nginx with the packaged snippet" {
	setup_machine
	[ -e /etc/nginx/sites-available/default ] || skip "there is no Debian's nginx"
	in_box installed configured started_with_spawn_fcgi through_nginx
}

as_cgi() {
	local url=http://127.0.0.1/cgi-bin/agentlens-ingest
	lighty-enable-mod cgi
	service lighttpd restart
	until_true curl -sS -o /share/answer "$url/health"
	# It may not read the settings, and does not go on without.
	[ "$(curl -sS -o /share/answer -w '%{http_code}' "$url" -d '{}')" = 500 ]
	grep '"status":500' /share/answer
	[ "$(events)" = 0 ]
	eval "$(said 'chgrp www-data')"
	eval "$(sed -n "/^    echo 'd /,/^    chown/p" /share/agentlens-ingest.README.Debian)"
	systemd-tmpfiles --create
	send cgi
	[ "$(stat -c '%U %a' "$data")" = 'www-data 700' ]
	[ "$(events)" = 1 ]
}

@test "as CGI it needs what the README says" {
	setup_machine
	[ -e /etc/lighttpd/lighttpd.conf ] || skip "there is no Debian's lighttpd"
	in_box installed configured as_cgi
}

used() {
	spawn-fcgi -s /run/agentlens-ingest.sock -P /run/pid -u agentlens-ingest -g agentlens-ingest \
		-- /usr/sbin/agentlens-ingest
	local body='{"source":"generic","event":"e","data":{}}'
	printf %s "$body" | /share/fcgi-request /run/agentlens-ingest.sock REQUEST_METHOD=POST \
		CONTENT_LENGTH=${#body} | grep 201
	kill "$(cat /run/pid)"
	until_true test ! -e "/proc/$(cat /run/pid)"
	[ "$(events)" = 1 ]
	(cd "$data" && sha256sum -- *) >/share/sums
}

data_stays() {
	(cd "$data" && sha256sum -c /share/sums)
	[ "$(stat -c '%U %a' "$data")" = 'agentlens-ingest 700' ]
}

upgraded() {
	chmod 0600 "$conf"
	chown agentlens-ingest:adm "$conf"
	dpkg -i /share/agentlens-ingest.deb
	# What the administrator made of it.
	grep -x "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" "$conf"
	[ "$(stat -c '%U %G %a' "$conf")" = 'agentlens-ingest adm 600' ]
	data_stays
}

removed() {
	dpkg -r agentlens-ingest
	[ ! -e /usr/sbin/agentlens-ingest ]
	[ ! -L /usr/lib/cgi-bin/agentlens-ingest ]
	grep -x "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" "$conf"
	data_stays
}

purged() {
	dpkg -P agentlens-ingest | tee /share/purge
	# It says where they are.
	grep -F "$data" /share/purge
	[ ! -e "$conf" ]
	[ ! -e /etc/lighttpd/conf-available/50-agentlens-ingest.conf ]
	[ ! -L /etc/systemd/system/sockets.target.wants/agentlens-ingest.socket ]
	data_stays
}

purged_with_data() {
	dpkg -i /share/agentlens-ingest.deb
	data_stays
	eval "$(said 'dpkg --purge')" >/share/purge
	fails grep -F "$data" /share/purge
	[ ! -e "$data" ]
}

purged_unused() {
	dpkg -i /share/agentlens-ingest.deb
	[ -d "$data" ]
	dpkg -P agentlens-ingest
	[ ! -e "$data" ]
}

@test "upgrading, removing and purging keep the events; purging them too is asked for" {
	setup_machine
	in_box installed configured used upgraded removed purged purged_with_data purged_unused
}

# --- With systemd as init ----------------------------------------------------

installed_under_systemd() {
	# Containers' images have one that forbids all starting.
	rm -f /usr/sbin/policy-rc.d
	installed
	has_user_and_modes
	[ "$(systemctl is-active agentlens-ingest.socket)" = active ]
	[ "$(systemctl is-active agentlens-ingest.service)" = inactive ]
	[ "$(stat -c '%U %G %a' /run/agentlens-ingest.sock)" = 'root www-data 660' ]
}

started_by_the_web_server() {
	eval "$(said 'lighty-enable-mod agentlens-ingest')"
	[ "$(systemctl is-active agentlens-ingest.service)" = inactive ]
	served systemd
	[ "$(systemctl is-active agentlens-ingest.service)" = active ]
}

upgraded_under_systemd() {
	local pid inode
	pid=$(systemctl show -P MainPID agentlens-ingest.service)
	inode=$(stat -c %i /run/agentlens-ingest.sock)
	dpkg -i /share/agentlens-ingest.deb
	[ "$(stat -c %i /run/agentlens-ingest.sock)" = "$inode" ]
	[ "$(systemctl show -P MainPID agentlens-ingest.service)" != "$pid" ]
	send upgraded
	[ "$(events)" = 3 ]
}

# An administrator's decision is kept.
upgraded_disabled() {
	systemctl disable --now agentlens-ingest.socket
	dpkg -i /share/agentlens-ingest.deb
	[ ! -L /etc/systemd/system/sockets.target.wants/agentlens-ingest.socket ]
	systemctl enable --now agentlens-ingest.socket
	send enabled
}

removed_under_systemd() {
	dpkg -r agentlens-ingest
	[ ! -e /run/agentlens-ingest.sock ]
	fails pgrep -x agentlens-inges
	[ "$(curl -sS -o /share/answer -w '%{http_code}' http://127.0.0.1/api/events/ingest/health)" = 503 ]
	dpkg -P agentlens-ingest
	[ "$(events)" = 4 ]
}

@test "with systemd as init: installed, started by a request, upgraded, removed" {
	setup_machine
	[ -e /etc/lighttpd/lighttpd.conf ] || skip "there is no Debian's lighttpd"
	in_booted_box installed_under_systemd configured started_by_the_web_server \
		upgraded_under_systemd upgraded_disabled removed_under_systemd
}
