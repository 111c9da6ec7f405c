#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Checks of the source tree itself: tests/checks/checks.sh NAME...
# Output and exit status are those of any other test binary.
set -u
cd "$(dirname "$0")/../.." || exit 2

# Ours: what tests/clients/ took in as it was keeps its own header and style.
c_files() {
	find scsi backstore target tools tests -name '*.[ch]' -not -path 'tests/clients/*' | sort
}

scripts() {
	find scripts .ci tests -type f -exec grep -lIE '^#!/bin/(ba)?sh|^# shellcheck shell=' {} +
}

# includes DIR: every quoted include of its sources, as FILE:NAME
includes() {
	find "$1" -name '*.[ch]' -exec grep -HoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]+"' {} + |
		sed -E 's/:[^"]*"([^"]+)"/:\1/'
}

# only DIR FROM...: what DIR includes lies in one of FROM
only() {
	local dir=$1 status=0 file name from found
	shift
	while IFS=: read -r file name; do
		found=
		for from in "$(dirname "$file")" "$@"; do
			[ -f "$from/$name" ] && found=yes
		done
		if [ -z "$found" ]; then
			echo "$file includes $name: $dir may only use $*"
			status=1
		fi
	done < <(includes "$dir")
	return $status
}

format() {
	local status=0 file
	# All at once first: a process for each file takes ten times as long.
	c_files | xargs clang-format --dry-run -Werror 2>/dev/null && return 0
	while read -r file; do
		if ! clang-format --dry-run -Werror "$file" 2>/dev/null; then
			echo "$file: run clang-format -i on it"
			status=1
		fi
	done < <(c_files)
	return $status
}

layering() {
	local status=0
	only scsi scsi || status=1
	only backstore backstore || status=1
	only target target scsi backstore || status=1
	only tools tools scsi || status=1
	# What has a system's name must be one that the layer may use, too.
	if grep -HnE '#[[:space:]]*include[[:space:]]*<(stdlib|errno|unistd|pthread|time|signal|liburing|sys/[a-z]+)\.h>' \
		scsi/*.[ch]; then
		echo "scsi/ is a pure codec: no allocation, no I/O, no errno, no threads, no time"
		status=1
	fi
	return $status
}

licence() {
	local status=0 file
	while read -r file; do
		if ! head -1 "$file" | grep -qF '/* SPDX-License-Identifier: Apache-2.0 */'; then
			echo "$file: the first line must be the SPDX line"
			status=1
		fi
	done < <(c_files)
	return $status
}

# Sources of 700 lines at most, and nothing left for later.
tidy() {
	local status=0 file lines
	while read -r file; do
		lines=$(wc -l <"$file")
		if [ "$lines" -gt 700 ]; then
			echo "$file has $lines lines: split it (700 at most)"
			status=1
		fi
	done < <(c_files)
	if c_files | xargs grep -nE '\b(TODO|FIXME|XXX)\b|#[[:space:]]*if 0\b'; then
		echo "unfinished work is left in the sources"
		status=1
	fi
	return $status
}

# Each [text](path) of the pages leads somewhere; so does each `path/of/a/file`.
links() {
	local status=0 page dir target
	local tick=$'\x60'
	local named="$tick(scsi|backstore|target|tools|tests|scripts|configs|docs)/[A-Za-z0-9_./*-]*$tick"
	for page in README.md CONTRIBUTING.md docs/*.md; do
		dir=$(dirname "$page")
		while read -r target; do
			target=${target%%#*}
			if [ -n "$target" ] && [ ! -e "$dir/$target" ]; then
				echo "$page: link to $target, which does not exist"
				status=1
			fi
		done < <(grep -oE '\]\([^)]+\)' "$page" | sed -E 's/^\]\(|\)$//g' | grep -v '^[a-z]*:')
		while read -r target; do
			if ! compgen -G "$target" >/dev/null; then
				echo "$page: names $target, which does not exist"
				status=1
			fi
		done < <(grep -oE "$named" "$page" | tr -d "$tick")
	done
	return $status
}

# Each finding of odxcheck has its paragraph in docs/odxcheck.md, and the other way round.
findings() {
	local status=0 known told
	known=$(tr -d '\n\t ' <tools/check_table.c | grep -oE '\]=\{"[a-z0-9-]+"' | cut -d'"' -f2 | sort)
	# shellcheck disable=SC2016 # backticks of Markdown
	told=$(sed -nE 's/^\*\*`([a-z0-9-]+)`\*\*.*/\1/p' docs/odxcheck.md | sort)
	if [ -z "$known" ] || ! diff <(echo "$known") <(echo "$told"); then
		echo "tools/check_table.c (<) and docs/odxcheck.md (>) do not have the same findings"
		status=1
	fi
	return $status
}

# docs/odx-map.md: each row names a test, or says why there is none; each test named is there.
odx_map() {
	local page=docs/odx-map.md status=0 file name
	while IFS=$'\t' read -r file name; do
		if ! grep -qF "\"$name\"" "tests/$file"; then
			echo "$page: tests/$file has no test \"$name\""
			status=1
		fi
	done < <(tr '\n' ' ' <"$page" | grep -oE '\]\(\.\./tests/[^)]+\) "[^"]+"' |
		sed -E 's/^\]\(\.\.\/tests\/([^)]+)\) "(.*)"$/\1\t\2/')
	if grep -nE '^\|' "$page" | grep -vE '^[0-9]+:\|(---| Field | Parameter )' |
		grep -vE '\]\(\.\./tests/[^)]+\) "[^"]+"|none: '; then
		echo "$page: these rows name no test"
		status=1
	fi
	return $status
}

# scripts/test counts by the line that a test ends with: none without one.
sums() {
	python3 - "$BUILD/meson-info/intro-tests.json" <<'SUMS'
import json, os, re, sys

words = re.compile(rb"passed.*failed.*skipped")
status = 0
for test in json.load(open(sys.argv[1])):
    files = [word for word in test["cmd"] if os.path.isfile(word)]
    if not any(words.search(open(file, "rb").read()) for file in files):
        print(f"{test['name']}: prints no \"NAME: N passed, N failed, N skipped\" (or is not built)")
        status = 1
sys.exit(status)
SUMS
}

shell() {
	scripts | xargs shellcheck -x
}

passed=0 failed=0 skipped=0
for check; do
	case $check in
	format) tool=clang-format ;;
	shell) tool=shellcheck ;;
	*) tool=true ;;
	esac
	echo "  $check ..."
	if ! command -v "$tool" >/dev/null; then
		echo "[SKIPPED] $tool is not installed"
		skipped=$((skipped + 1))
	elif "$check"; then
		passed=$((passed + 1))
	else
		echo "FAILED $check"
		failed=$((failed + 1))
	fi
done
echo "checks: $passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
