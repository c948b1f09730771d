# shellcheck shell=bash
# Real web servers, started from the files in examples/.
#
# serve() starts one, with all that is its own (sockets, port, log, data) in
# $dir; http() asks it.  What the examples name as their user, www-data, is who
# serves when the tests run as root; else everything runs as the present user.

examples=$SOURCE_DIR/examples
captures=$SOURCE_DIR/tests/captures
# The secrets of the captures.
agentgate_secret=ag-capture-secret-0123456789abcdefghij
formbridge_secret=fb-capture-secret-0123456789
generic='{"source":"generic","event":"e","data":{"type":"t","data":1}}'

# In place of helper.bash's: here www-data must reach the folder, and the path
# of a socket ends at 107 bytes.
setup() {
	dir=$(mktemp -d "${TMPDIR:-/tmp}/agentlens.XXXXXX")
	chmod 0711 "$dir"
	db=$dir/data/agentlens.db
	run_dir=$dir/run
	processes=()
	mkdir "$dir/data" "$run_dir" "$run_dir/htdocs"
	chmod 0700 "$dir/data"
	: >"$dir/err"
	# Where the program was built, www-data may be unable to go.
	program=$dir/agentlens-ingest
	cp "$INGEST" "$program"
	chmod 0755 "$program"
	settings_file=$dir/settings.conf
	configure "DB_PATH=$db" "AGENTGATE_WEBHOOK_SECRET=$agentgate_secret" \
		"FORMBRIDGE_WEBHOOK_SECRET=$formbridge_secret"
	if [ "$(id -u)" = 0 ]; then
		id www-data >"$dir/id" 2>&1 || skip 'the user www-data, whom the examples name, is missing'
		chown www-data:www-data "$dir/data" "$run_dir" "$run_dir/htdocs"
	fi
}

teardown() {
	local process log
	for process in "${processes[@]}"; do
		end_group "$process"
	done
	for log in "$dir"/*.log "$run_dir"/*.log; do
		[ ! -s "$log" ] || sed "s|^|${log##*/}: |" "$log"
	done
	rm -rf "$dir"
}

# configure NAME=VALUE...: writes the settings anew.
configure() {
	printf '%s\n' "$@" >"$settings_file"
	chmod 0640 "$settings_file"
	[ "$(id -u)" != 0 ] || chgrp www-data "$settings_file"
}

# group NAME COMMAND...: runs it in the background as a group of its own;
# $process is that group.
group() {
	setsid "${@:2}" >>"$dir/$1.log" 2>&1 </dev/null 3>&- &
	process=$!
	processes+=("$process")
}

# is_gone GROUP: nothing of it runs.  The dead, whom not every container's first
# process buries at once, do not count.
is_gone() {
	! cat /proc/[0-9]*/stat 2>/dev/null |
		awk -v group="$1" '{ sub(/.*\) /, "") }
			$3 == group && $1 != "Z" { runs = 1 }
			END { exit !runs }'
}

# end_group GROUP: asks it to end, and makes it end after 5 seconds.
end_group() {
	local tries=250
	kill -TERM -- "-$1" 2>/dev/null || :
	until is_gone "$1" || ((tries-- == 0)); do
		sleep 0.02
	done
	kill -KILL -- "-$1" 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

# need_server COMMAND PACKAGE
need_server() {
	PATH=$PATH:/usr/local/sbin:/usr/sbin
	command -v "$1" >"$dir/path" || skip "$1 is missing (Debian: apt install $2)"
	command -v curl >"$dir/path" || skip 'curl is missing (Debian: apt install curl)'
}

# spawn EXAMPLE: starts the responder, with the very line of the comment.
spawn() {
	need_server spawn-fcgi spawn-fcgi
	local line
	line=$(sed -n '/^#     INGEST_CONFIG=/,/[^\\]$/ s/^#     //p' "$examples/$1.conf")
	[[ $line == *spawn-fcgi* ]] || { echo "no line of spawn-fcgi in $1.conf"; return 1; }
	socket=$run_dir/ingest.sock
	group responder env -i PATH="$PATH" SETTINGS="$settings_file" SOCKET="$socket" \
		RUN_DIR="$run_dir" PROGRAM="$program" sh -c "$line"
	responder=$process
	until_true test -S "$socket"
}

# serve NAME [ARGUMENT...]: starts the server of examples/NAME.conf, and waits
# until it serves.  ARGUMENT goes to the server.  $example is the file, which a
# test may have set to another one.
serve() {
	local starter=serve_${1%%-*}
	server_name=$1
	example=${example-$examples/$1.conf}
	case $1 in
	*spawn-fcgi | *proxy-fcgi | nginx) [ -n "${responder-}" ] || spawn "$1" ;;
	esac
	"$starter" "${@:2}"
}

serve_lighttpd() {
	need_server lighttpd lighttpd
	via=(--unix-socket "$dir/http.sock")
	server_log=$run_dir/lighttpd.log
	[ "$server_name" != lighttpd-cgi ] || server_log=$run_dir/cgi.log
	group server env -i PATH="$PATH" PROGRAM="$program" SETTINGS="$settings_file" \
		BIND="$dir/http.sock" PORT=0 RUN_DIR="$run_dir" lighttpd -D -f "$example" "$@"
	server=$process
	is_serving || { echo 'lighttpd does not serve'; return 1; }
}

# nginx knows no variables where it would need them, so its example says what
# a person changes, and the same is changed here.
serve_nginx() {
	need_server nginx nginx
	via=(--unix-socket "$dir/http.sock")
	server_log=$run_dir/nginx.log
	sed -e "s|127.0.0.1:3400; # <- change|unix:$dir/http.sock;|" \
		-e "s|unix:/run/.*; # <- change|unix:$socket;|" \
		-e 's|www-data; # <- change|www-data;|' "$example" >"$dir/nginx.conf"
	equal 'marked lines' 3 "$(grep -c '# <- change$' "$example")"
	equal 'marked lines that are left' 0 "$(grep -c '# <- change$' "$dir/nginx.conf")"
	group server nginx -p "$run_dir" -c "$dir/nginx.conf" -e nginx.log -g 'daemon off;' "$@"
	server=$process
	is_serving || { echo 'nginx does not serve'; return 1; }
}

serve_apache() {
	local tries
	need_server apache2 apache2-bin
	[ -e /usr/lib/apache2/modules/mod_fcgid.so ] || [[ $server_name != *-fcgid ]] ||
		skip 'mod_fcgid is missing (Debian: apt install libapache2-mod-fcgid)'
	server_log=$run_dir/apache.log
	# It listens on no Unix socket, and another may take the port first.
	for tries in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 12000))
		via=(--connect-to "::127.0.0.1:$port")
		apache_arguments "$@"
		group server apache2 "${arguments[@]}" -DFOREGROUND -f "$example"
		server=$process
		# Until then, whoever has the port might answer instead.
		until_true has_bound
		! is_gone "$server" && is_serving && return
		grep -q 'could not bind' "$dir/server.log" || break
	done
	echo 'Apache does not serve'
	return 1
}

# has_bound: Apache has its port, or has given up.
has_bound() {
	[ -s "$run_dir/apache.pid" ] || is_gone "$server"
}

# apache_arguments [ARGUMENT...]: what a person would write into the file.
apache_arguments() {
	arguments=(
		-C "Define AGENTLENS_PROGRAM $program"
		-C "Define AGENTLENS_SETTINGS $settings_file"
		-C "Define AGENTLENS_SOCKET ${socket-}"
		-C "Define AGENTLENS_LISTEN 127.0.0.1:$port"
		-C "Define AGENTLENS_RUN_DIR $run_dir"
		"${@:--DAGENTLENS_ALONE}"
	)
}

# serve_site [NAME]: an Apache with one site, set up as Debian does it, that
# includes examples/NAME.conf; the site's own log is $server_log.
serve_site() {
	local arguments_of_site=(-DINCLUDED)
	server_name=${1-}
	site_of "${1:+${example-$examples/$1.conf}}" >"$dir/site.conf"
	example=$dir/site.conf
	case $server_name in
	*-proxy-fcgi) spawn "$1" ;;
	# Where mod_fcgid puts its own unless told, only root can write.
	*-fcgid) arguments_of_site+=(-c "FcgidIPCDir \"$run_dir/fcgid\""
		-c "FcgidProcessTableFile \"$run_dir/fcgid_shm\"") ;;
	esac
	serve_apache "${arguments_of_site[@]}"
	server_log=$run_dir/site.log
}

# site_of [FILE]: such a configuration.
site_of() {
	local module
	for module in mpm_event authz_core alias env dir cgid proxy; do
		echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
	done
	cat <<-END
		ServerRoot "$run_dir"
		ServerName localhost
		Listen \${AGENTLENS_LISTEN}
		User www-data
		Group www-data
		PidFile "$run_dir/apache.pid"
		ErrorLog "$run_dir/apache.log"
		ScriptSock "$run_dir/cgid.sock"
		<Directory "/">
			AllowOverride None
			Require all denied
		</Directory>
		<Directory "$run_dir/htdocs">
			Require all granted
		</Directory>
		${1:+Include "$1"}
		<VirtualHost *>
			DocumentRoot "$run_dir/htdocs"
			ErrorLog "$run_dir/site.log"
		</VirtualHost>
	END
}

# is_serving: waits for any HTTP answer at all; fails when the server ends.
is_serving() {
	local tries=1500
	until curl -s -o "$dir/answer" --noproxy '*' --max-time 10 "${via[@]}" http://localhost/; do
		! is_gone "$server" && ((tries-- > 0)) || return 1
		sleep 0.02
	done
}

endpoint=/api/events/ingest

# http METHOD PATH [ARGUMENT...]: one request with curl, whose arguments they
# are; what comes back is left as helper.bash's request() leaves it.
http() {
	local method=(-X "$1") line
	[ "$1" != HEAD ] || method=(-I)
	: >"$dir/answer"
	curl -sS --noproxy '*' --max-time 30 "${via[@]}" "${method[@]}" -D "$dir/head" -o "$dir/answer" \
		-H 'Content-Type: application/json' -H 'Expect:' "${@:3}" \
		"http://localhost$2" 2>"$dir/err" || { cat "$dir/err"; return 1; }
	headers=
	{
		IFS= read -r line
		line=${line%$'\r'} code=${line#* } phrase=${code#* } code=${code%% *}
		while IFS= read -r line; do
			headers+=${line%$'\r'}$'\n'
		done
	} <"$dir/head"
	# curl -I writes the head there, too.
	[ "$1" = HEAD ] && answer= || answer=$(cat "$dir/answer")
}

# send BODY [ARGUMENT...]: posts these bytes to the endpoint.
send() {
	printf %s "$1" >"$dir/body"
	http POST "$endpoint" --data-binary "@$dir/body" "${@:2}"
}

# send_capture CAPTURE: posts a recorded delivery with its own headers.
send_capture() {
	local headers_file=$captures/$1.headers line arguments=()
	while IFS= read -r line; do
		line=${line%$'\r'}
		case ${line,,} in
		x-*) arguments+=(-H "$line") ;;
		esac
	done <"$headers_file"
	http POST "$endpoint" --data-binary "@$captures/$1.body" "${arguments[@]}"
}

# as_html CODE: the answer is the web server's own.
as_html() {
	equal status "$1" "$code" && matches Content-Type 'text/html.*' "$(header Content-Type)" || {
		show_reply
		return 1
	}
}

# change EXPRESSION NAME: from now on the example is this one, changed by sed.
change() {
	example=$dir/changed.conf
	sed "$1" "$examples/$2.conf" >"$example"
	! cmp -s "$example" "$examples/$2.conf"
}

# logged REGEX: the server's log has a line with it, now or soon.
logged() {
	until_true grep -qE "$1" "$server_log"
}

# padded SIZE: a good body of exactly so many bytes.
padded() {
	printf '%s%*s' "$generic" $(($1 - ${#generic})) ''
}

# entries: how many lines the server's log has.
entries() {
	[ ! -e "$server_log" ] && echo 0 || wc -l <"$server_log"
}

# has_entries NUMBER
has_entries() {
	[ "$(entries)" -ge "$1" ]
}
