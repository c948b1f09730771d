# shellcheck shell=bash
# A box: a container of systemd-nspawn that has the very files of this machine,
# but keeps to itself what is written to them. Tests install packages in it,
# take port 80, or let systemd be init, and the machine never hears of it.
#
# What is in $share outside is in /share inside, and so are all functions, and
# the variables that are named in $box_variables.

box_variables=(agentgate_secret)

setup_box() {
	share=$dir/share
	mkdir "$share"
	[ "$(id -u)" = 0 ] || skip 'a container needs root'
	command -v systemd-nspawn >/dev/null ||
		skip 'systemd-nspawn is not installed (Debian: systemd-container)'
	echo 'echo open' >"$share/script"
	nspawn bash /share/script >"$dir/box.log" 2>&1
	grep -qx open "$dir/box.log" ||
		skip "no container can be had: $(tail -n 1 "$dir/box.log")"
}

# nspawn ARGUMENT...: a new box each time, for at most three minutes. The mounts
# are in a namespace of their own, which ends with it; /run is covered since
# systemd-nspawn leaves folders there.
nspawn() {
	mkdir -p "$dir/box"
	unshare --mount --propagation private bash -c '
		set -e
		box=$1 share=$2
		shift 2
		mount -t tmpfs none "$box"
		mount -t tmpfs none /run
		mkdir "$box/upper" "$box/work" "$box/machine"
		mount -t overlay -o "lowerdir=/,upperdir=$box/upper,workdir=$box/work" \
			none "$box/machine"
		exec timeout -k 5 180 systemd-nspawn --quiet --register=no --keep-unit \
			--private-network --resolv-conf=off --timezone=off \
			--link-journal=no --pipe --bind="$share:/share" -D "$box/machine" "$@"
	' bash "$dir/box" "$share" "$@" </dev/null 3>&-
}

# write_script FUNCTION...: these are run inside, each command shown.
write_script() {
	local name
	{
		echo 'set -euo pipefail'
		declare -f
		declare -p "${box_variables[@]}"
		# /run is empty where no init has been.
		echo 'PS4="inside: "; mkdir -p /run/lock'
		for name; do
			echo "set -x; $name; { set +x; } 2>/dev/null"
		done
		echo 'echo done >/share/done'
	} >"$share/script"
	rm -f "$share/done"
}

# in_box FUNCTION...: runs them in a box in which no systemd runs. The first
# that fails ends it.
in_box() {
	write_script "$@"
	nspawn bash /share/script >"$dir/box.log" 2>&1 || :
	[ -e "$share/done" ] || {
		tail -n 60 "$dir/box.log"
		return 1
	}
}

# in_booted_box FUNCTION...: the same with systemd as init. It is skipped where
# systemd does not come so far as to start a service.
in_booted_box() {
	write_script "$@"
	cat >"$share/test.target" <<-'UNIT'
		[Unit]
		Requires=basic.target test.service
		After=basic.target
		AllowIsolate=yes
	UNIT
	cat >"$share/test.service" <<-'UNIT'
		[Unit]
		After=basic.target
		SuccessAction=exit-force
		FailureAction=exit-force
		[Service]
		Type=oneshot
		ExecStart=/bin/bash -c 'echo >/share/booted; exec bash /share/script >/share/log 2>&1'
	UNIT
	# The first script puts the units into the box, and then becomes init.
	cat >"$share/init" <<-'INIT'
		#!/bin/sh
		cp /share/test.target /share/test.service /etc/systemd/system/
		exec /lib/systemd/systemd --unit=test.target
	INIT
	chmod +x "$share/init"
	rm -f "$share/booted" "$share/log"
	nspawn /share/init >"$dir/box.log" 2>&1 || :
	[ -e "$share/booted" ] || {
		sed 's/^/# /' "$dir/box.log" | tail -n 20
		skip 'systemd does not start in a container here'
	}
	[ -e "$share/done" ] || {
		tail -n 60 "$share/log"
		return 1
	}
}
