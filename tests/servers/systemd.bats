# The units for systemd: as systemd reads them, the hand-over of the socket,
# and, in a container, systemd itself.
#
# run: once, 30 s

load ../lib/helper
load ../lib/box

units=$BUILD_DIR/systemd
service=$units/agentlens-ingest.service

# need PROGRAM PACKAGE
need() {
	command -v "$1" >/dev/null || skip "$1 is not installed (Debian: $2)"
}

# make_variable NAME: as the build has it.
make_variable() {
	printf 'print:\n\t@printf %%s "$(%s)"\n' "$1" |
		env -u MAKEFLAGS -u MAKELEVEL make -s -C "$BUILD_DIR" -f Makefile -f - print
}

# value FILE NAME: of a unit, all lines of that name.
value() {
	sed -n "s|^$2=||p" "$1"
}

# local_units: copies that start the program as it was built, as it need not
# be installed. Nothing else is changed.
local_units() {
	mkdir "$dir/units"
	cp "$units"/agentlens-ingest.s* "$dir/units"
	sed -i "s|^ExecStart=.*|ExecStart=$INGEST|" "$dir/units/agentlens-ingest.service"
	equal 'lines changed' 1 "$(diff "$service" "$dir/units/agentlens-ingest.service" | grep -c '^>')"
}

@test "the units have the paths as configured" {
	local sysconfdir localstatedir sbindir socket group
	sysconfdir=$(make_variable sysconfdir)
	localstatedir=$(make_variable localstatedir)
	sbindir=$(make_variable sbindir)
	socket=$(make_variable socket)
	group=$(make_variable web_group)
	[[ $sbindir == /* && $socket == /* && -n $group ]]
	equal ExecStart "$sbindir/agentlens-ingest" "$(value "$service" ExecStart)"
	equal Environment "INGEST_CONFIG=$sysconfdir/agentlens-ingest.conf" "$(value "$service" Environment)"
	equal ListenStream "$socket" "$(value "$units/agentlens-ingest.socket" ListenStream)"
	equal SocketGroup "$group" "$(value "$units/agentlens-ingest.socket" SocketGroup)"
	if [ "$localstatedir" = /var ]; then
		equal StateDirectory agentlens-ingest "$(value "$service" StateDirectory)"
		equal ReadWritePaths '' "$(value "$service" ReadWritePaths)"
	else
		equal StateDirectory '' "$(value "$service" StateDirectory)"
		equal ReadWritePaths "$localstatedir/lib/agentlens-ingest" "$(value "$service" ReadWritePaths)"
	fi
	grep -q "^d $localstatedir/lib/agentlens-ingest 0700 " "$units/tmpfiles.d/agentlens-ingest.conf"
	# No name was left to put a value for.
	fails grep -rE '@[a-z_]+@' "$units"
}

@test "every line of the service that closes something says why" {
	# A paragraph that sets something begins with a comment.
	awk -v RS= '!/^#/ && !/^\[/ { print "no comment: " $0; bad = 1 } END { exit bad }' "$service"
	awk -v RS= '!/^#/ && !/^\[/ { print "no comment: " $0; bad = 1 } END { exit bad }' "$units/agentlens-ingest.socket"
}

@test "systemd-analyze verify has nothing to say" {
	need systemd-analyze systemd
	local_units
	# The manual need not be installed either: --man=no.
	systemd-analyze verify --man=no "$dir"/units/* >"$dir/out" 2>&1 ||
		{ cat "$dir/out"; return 1; }
	equal output '' "$(cat "$dir/out")"
}

@test "systemd-analyze security finds little exposed" {
	need systemd-analyze systemd
	systemd-analyze security --help | grep -q -e --offline || skip 'this systemd-analyze cannot look at a file'
	local_units
	# In tenths: 0.4 of 10 when written. 9.6 is a service without a sandbox.
	systemd-analyze security --no-pager --offline=true --threshold=10 "$dir/units/agentlens-ingest.service" >"$dir/out" ||
		{ cat "$dir/out"; return 1; }
}

@test "the system calls that the program makes are those of the filter" {
	need systemd-analyze systemd
	need strace strace
	local line name
	# Lines of the filter add, but those with ~ take away.
	name_all() { # of the words that are read
		local set
		tr ' ' '\n' | while read -r set; do
			case $set in
			@*) systemd-analyze syscall-filter "$set" | sed -n 's/^ \+\([@a-z0-9_-]*\)$/\1/p' | name_all ;;
			*) echo "$set" ;;
			esac
		done
	}
	value "$service" SystemCallFilter >"$dir/filter"
	: >"$dir/allowed"
	while read -r line; do
		case $line in
		"~"*) name_all <<<"${line#\~}" | sort -u | comm -23 "$dir/allowed" - >"$dir/left" && mv "$dir/left" "$dir/allowed" ;;
		*) name_all <<<"$line" | sort -u - "$dir/allowed" >"$dir/left" && mv "$dir/left" "$dir/allowed" ;;
		esac
	done <"$dir/filter"
	grep -qx semtimedop "$dir/allowed"
	fails grep -qx chown "$dir/allowed"

	# -D: the process that is started is the program, not strace.
	launcher=(strace -D -f -qq -o "$dir/trace")
	"${launcher[@]}" true 2>"$dir/err" || skip "nothing can be traced: $(cat "$dir/err")"
	launch_socket "${launcher[@]}"
	deliver agentgate '{"source":"agentgate","event":"test","data":{}}'
	recorded custom
	request GET PATH_INFO=/health </dev/null
	answered 200
	stop
	until_true grep -q exit_group "$dir/trace"
	sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$dir/trace" | sort -u >"$dir/made"
	# strace did see it write.
	grep -qx fdatasync "$dir/made"
	# What root makes, SQLite gives to whom the folder belongs. The service is
	# not root.
	[ "$(id -u)" != 0 ] || sed -i '/^fchown$/d' "$dir/made"
	equal 'system calls that are not allowed' '' "$(comm -23 "$dir/made" "$dir/allowed")"
}

@test "sysusers.d and tmpfiles.d make the user and the folder" {
	need systemd-sysusers systemd
	need systemd-tmpfiles systemd
	[ "$(id -u)" = 0 ] || skip 'a user and his folder are for root to make'
	local root=$dir/root folder
	folder=$(make_variable localstatedir)/lib/agentlens-ingest
	mkdir -p "$root/etc" "$root/usr/lib/sysusers.d" "$root/usr/lib/tmpfiles.d"
	cp "$units/sysusers.d/agentlens-ingest.conf" "$root/usr/lib/sysusers.d"
	cp "$units/tmpfiles.d/agentlens-ingest.conf" "$root/usr/lib/tmpfiles.d"
	systemd-sysusers --root="$root" agentlens-ingest.conf
	systemd-tmpfiles --root="$root" --create agentlens-ingest.conf
	matches passwd 'agentlens-ingest:[^:]*:[0-9]+:[0-9]+:[^:]*:'"$folder"':.*/nologin' \
		"$(grep ^agentlens-ingest: "$root/etc/passwd")"
	equal 'mode and owner' "700 $(awk -F: '$1 == "agentlens-ingest" { print $3, $4 }' "$root/etc/passwd")" \
		"$(stat -c '%a %u %g' "$root$folder")"
}

# launch_socket COMMAND...: systemd-socket-activate listens on $socket, and
# becomes the program when somebody connects: it hands over the socket as
# descriptors 0 and 1, as the service has it as 0.
launch_socket() {
	local setting variables=()
	socket=$dir/ingest.sock
	for setting in "${settings[@]}"; do
		variables+=(-E "$setting")
	done
	systemd-socket-activate --inetd -l "$socket" "${variables[@]}" "$@" "$INGEST" \
		>>"$dir/responder.log" 2>&1 </dev/null 3>&- &
	responder=$!
	responders+=("$responder")
	until_true test -S "$socket"
	chmod 0666 "$socket"
}

@test "the socket is handed over as descriptor 0; SIGTERM ends with 0" {
	need systemd-socket-activate systemd
	launch_socket
	fails grep -q Execing "$dir/responder.log"
	deliver agentgate '{"source":"agentgate","event":"request.approved","data":{"requestId":"r"}}'
	recorded approval_granted unlinked_r
	grep -q Execing "$dir/responder.log"
	# The second connection is the same process's.
	post '{"source":"generic","event":"e","data":{}}'
	recorded custom
	counted events 2
	stop TERM
	equal 'exit status' 0 "$exit_status"
}

# --- With systemd as init ----------------------------------------------------

# What doc/install.md says.
installed_by_hand() {
	cp -a /share/root/. /
	systemd-sysusers
	systemd-tmpfiles --create agentlens-ingest.conf
	# shellcheck disable=SC1091
	. /share/paths
	install -d "$sysconfdir"
	install -m 640 -g agentlens-ingest /dev/null "$sysconfdir/agentlens-ingest.conf"
	echo "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" >"$sysconfdir/agentlens-ingest.conf"
	runuser -u agentlens-ingest -- "$sbindir/agentlens-ingest" --check
	getent group "$web_group" || groupadd "$web_group"
	systemctl daemon-reload
	systemctl enable --now agentlens-ingest.socket
}

# fcgi_request BODY: as the group of the web server.
fcgi_request() {
	printf %s "$1" | setpriv --reuid=nobody --regid="$web_group" --clear-groups \
		/share/fcgi-request "$socket" REQUEST_METHOD=POST CONTENT_LENGTH=${#1} \
		HTTP_X_AGENTGATE_SIGNATURE="$(printf %s "$1" | sign "$agentgate_secret")"
}

started_by_a_request() {
	[ "$(stat -c '%U %G %a' "$socket")" = "root $web_group 660" ]
	[ "$(systemctl is-active agentlens-ingest.service)" = inactive ]
	fails setpriv --reuid=nobody --regid=nogroup --clear-groups /share/fcgi-request "$socket" REQUEST_METHOD=GET
	[ "$(systemctl is-active agentlens-ingest.service)" = inactive ]
	fcgi_request '{"source":"agentgate","event":"test","data":{"n":1}}' | grep 201
	[ "$(systemctl is-active agentlens-ingest.service)" = active ]
	[ "$(sqlite3 "$localstatedir/lib/agentlens-ingest/agentlens.db" 'SELECT count(*) FROM events')" = 1 ]
}

confined() {
	local pid
	pid=$(systemctl show -P MainPID agentlens-ingest.service)
	[ "$(ps -o user= -p "$pid")" = agentlens-ingest ] || ps -o user= -p "$pid" | grep '^agentle'
	grep -E '^CapBnd:\s0+$' "/proc/$pid/status"
	grep -E '^CapEff:\s0+$' "/proc/$pid/status"
	grep -E '^NoNewPrivs:\s1$' "/proc/$pid/status"
	grep -E '^Seccomp:\s2$' "/proc/$pid/status"
	grep -E '^Umask:\s0077$' "/proc/$pid/status"
	grep -E '^Max core file size +0 +0 ' "/proc/$pid/limits"
	# Even root can write nothing in what it sees, but the folder of the events.
	fails nsenter -t "$pid" -m touch /etc/written
	fails nsenter -t "$pid" -m touch "$sysconfdir/written"
	nsenter -t "$pid" -m touch "$localstatedir/lib/agentlens-ingest/written"
	touch /root/precious
	[ -z "$(nsenter -t "$pid" -m ls -A /root)" ]
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
	[ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
	# One queue for all.
	[ "$(readlink "/proc/$pid/ns/ipc")" = "$(readlink /proc/self/ns/ipc)" ]
	[ "$(ipcs -s | grep -c agentle)" = 1 ]
}

restarted_without_a_loss() {
	local pid inode
	pid=$(systemctl show -P MainPID agentlens-ingest.service)
	inode=$(stat -c %i "$socket")
	systemctl restart agentlens-ingest.service
	[ "$(systemctl show -P MainPID agentlens-ingest.service)" != "$pid" ]
	[ "$(stat -c %i "$socket")" = "$inode" ]
	fcgi_request '{"source":"agentgate","event":"test","data":{"n":2}}' | grep 201
	systemctl stop agentlens-ingest.service
	[ "$(systemctl show -P Result agentlens-ingest.service)" = success ]
	# Its semaphore is gone with it, and the next request starts it again.
	[ "$(ipcs -s | grep -c agentle)" = 0 ]
	fcgi_request '{"source":"agentgate","event":"test","data":{"n":3}}' | grep 201
}

told_of_wrong_settings() {
	echo INGEST_THREADS=none >>"$sysconfdir/agentlens-ingest.conf"
	# It starts; what it finds it tells a moment later.
	systemctl restart agentlens-ingest.service || :
	until_true sh -c '[ "$(systemctl is-active agentlens-ingest.service)" = failed ]'
	[ "$(systemctl show -P ExecMainStatus agentlens-ingest.service)" = 78 ]
	until_true sh -c 'journalctl -u agentlens-ingest | grep INGEST_THREADS'
	# Requests try again, until systemd has enough of it.
	fcgi_request '{"source":"agentgate","event":"test","data":{"n":4}}' && false
	until_true sh -c '[ "$(systemctl is-active agentlens-ingest.socket)" = failed ]'
	sed -i '$d' "$sysconfdir/agentlens-ingest.conf"
	systemctl reset-failed agentlens-ingest.service agentlens-ingest.socket
	systemctl start agentlens-ingest.socket
	fcgi_request '{"source":"agentgate","event":"test","data":{"n":4}}' | grep 201
}

stopped_with_its_socket() {
	systemctl disable --now agentlens-ingest.socket
	[ "$(systemctl is-active agentlens-ingest.service)" != active ]
	[ ! -e "$socket" ]
}

@test "systemd as init: the units serve, confined, and are restarted without a loss" {
	case $(make_variable sbindir) in
	/tmp/* | /var/tmp/* | /home/* | /root/*) skip 'the unit hides the folder into which configure installs' ;;
	esac
	setup_box
	cp "$FCGI_REQUEST" "$share/fcgi-request"
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$BUILD_DIR" install DESTDIR="$share/root" \
		systemdsystemunitdir=/etc/systemd/system sysusersdir=/etc/sysusers.d \
		tmpfilesdir=/etc/tmpfiles.d >"$dir/install.log" 2>&1 ||
		{ cat "$dir/install.log"; return 1; }
	local name
	for name in sbindir sysconfdir localstatedir socket web_group; do
		printf '%s=%s\n' "$name" "$(make_variable "$name")"
	done >"$share/paths"
	in_booted_box installed_by_hand started_by_a_request confined \
		restarted_without_a_loss told_of_wrong_settings stopped_with_its_socket
}
