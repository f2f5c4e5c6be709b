#!/bin/sh
# Cheap checks of form over the tree in the current folder. Long files and long
# functions are told but do not fail.
set -eu
export LC_ALL=C

list=$(mktemp "${TMPDIR:-/tmp}/folio-style-XXXXXX")
trap 'rm -f "$list" "$list.out"' EXIT
find . \( -path './build*' -o -path './.git' -o -path './.cache' \) -prune -o -type f \
	\( -name '*.[ch]' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' -o -name '*.sh' -o -name '*.awk' \
	-o -name '*.py' -o -name '*.cmake' -o -name 'CMakeLists.txt' -o -name '*.md' -o -name '*.ini' \
	-o -name '*.json' -o -name '*.yml' -o -name '*.1' -o -name '.gitignore' \) -print |
	sed 's,^\./,,' | sort >"$list"

while IFS= read -r file; do
	[ -s "$file" ] || continue
	[ -z "$(tail -c 1 "$file")" ] || echo "$file: no newline at its end"
	case $file in
	*.sh) sh -n "$file" 2>/dev/null || echo "$file: not a sound shell script" ;;
	esac
	awk -v file="$file" '
	function say(text) {
		print file ":" FNR ": " text
	}
	function hint(text) {
		print "warning: " file ":" FNR ": " text
	}
	BEGIN {
		code = file ~ /\.(c|h|cc|cu|cuh)$/
		script = file ~ /\.(sh|awk|py|cmake)$|CMakeLists/
		# Put together so that this file does not hold them.
		words = "(^|[^A-Za-z_])(TO" "DO|FIX" "ME|XX" "X|HA" "CK)([^A-Za-z_]|$)"
		later = "for" " now[^a-z]|not yet" " implemented|place" "holder|implement" " later"
	}
	/\r$/ { say("ends with a carriage return") }
	/[ \t]$/ { say("blank at the end") }
	$0 ~ words { say("a word of unfinished work") }
	(code || script) && $0 " " ~ later { say("words of unfinished work") }
	/^ +\t/ { say("blanks before a tab") }
	/\t/ && file ~ /\.(json|md|ini|yml)$/ { say("a tab") }
	# Inside a function every line begins with a tab, unless it is a comment.
	code && inside && /^  +[^ *]/ && !comment { say("indented with blanks") }
	code {
		rest = $0
		gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "", rest)
		if (rest ~ /\/\*/)
			comment = 1
		if (rest ~ /\*\//)
			comment = 0
	}
	code && /^{/ && before ~ /\)[^;]*$/ {
		inside = 1
		start = FNR
	}
	code && /^}/ && inside {
		inside = 0
		if (FNR - start - 1 > 80)
			hint("a function of " FNR - start - 1 " lines")
	}
	{ before = $0 }
	END {
		if ((code || script) && FNR > 600)
			hint(FNR " lines in a file")
	}
	' "$file"
done <"$list" >"$list.out"

cat "$list.out"
! grep -q -v '^warning: ' "$list.out"
