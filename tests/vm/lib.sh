# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by guest-init and by every test of guest.d and host.d: how a test says what it
# found.  NAME has no colon with a blank after it.

# In the guest: the second serial port; out there: the standard output.
if [ -n "${VM_GUEST:-}" ]; then
	tell() {
		{
			flock 8
			printf '%s\n' "$*" >>/run/said
			printf 'VM: %s\n' "$*" >/dev/ttyS1
		} 8>/run/tell.lock
	}
else
	exec 3>&1 # also when a command's output goes elsewhere
	tell() { printf 'VM: %s\n' "$*" >&3; }
fi

ok() { tell "ok $1"; }
not_ok() { tell "not ok $1: ${*:2}"; }
skip() { tell "skip $1: ${*:2}"; }
note() { tell "note $*"; }

# check NAME COMMAND...: ok when it succeeds; its last words are the reason when not.
check() {
	local name=$1 out status=0
	shift
	out=$("$@" 2>&1) || status=$?
	printf '%s\n' "-- $name: $* -> $status" "$out"
	if [ "$status" = 0 ]; then
		ok "$name"
	else
		not_ok "$name" "status $status: $(printf '%s' "$out" | tail -n 3 | tr '\n' ' ' | cut -c1-300)"
	fi
	return "$status"
}

# check_text NAME TEXT PATTERN: ok when the text has a match of the extended regex.
check_text() {
	printf '%s\n' "-- $1" "$2"
	if printf '%s\n' "$2" | grep -qE -- "$3"; then
		ok "$1"
	else
		not_ok "$1" "no match of '$3' in: $(printf '%s' "$2" | tail -n 5 | tr '\n' ' ' | cut -c1-300)"
		return 1
	fi
}

# check_is NAME IS SHOULD
check_is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "is '$2', should be '$3'"
		return 1
	fi
}

# until_true SECONDS COMMAND...: polls; status 1 when it never succeeded.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.2
	done
}
