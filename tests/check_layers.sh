#!/bin/sh
# Fail when a file of the tree in the current folder includes what its layer may
# not see, or when something stands at the top level that does not belong there.
# (The build folder, which every check gets as argument 1, is not looked at.)
set -eu
export LC_ALL=C

found=$(
	for entry in *; do
		case $entry in
		app | assets | base | engine | kernels | store | tests | ui) ;;
		CMakeLists.txt | LICENSE | README.md) ;;
		build*) [ -d "$entry" ] || echo "$entry: only folders are called build*" ;;
		*) echo "$entry: does not belong at the top level" ;;
		esac
	done

	find app assets base engine kernels store tests ui -type f \
		\( -name '*.[ch]' -o -name '*.cc' -o -name '*.cpp' -o -name '*.hpp' -o -name '*.cu' -o -name '*.cuh' \) \
		2>/dev/null | sort | while IFS= read -r file; do
		awk -v file="$file" '
		function layer(name, sees, i, n, part) {
			n = split(sees, part, " ")
			for (i = 1; i <= n; i++)
				may[name, part[i]] = 1
		}
		function library(pattern, files) {
			header[++libraries] = pattern
			owner[libraries] = files
		}
		BEGIN {
			layer("base", "base")
			layer("kernels", "base kernels")
			layer("engine", "base kernels engine")
			layer("store", "base store")
			layer("ui", "base ui")
			layer("app", "base engine store ui app")
			# Tests look into everything, and damage files with the libraries.
			layer("tests", "base kernels engine store ui app tests")
			library("^sqlite3", "^(store|tests)/")
			library("^git2", "^(store|tests)/")
			library("^(n?curses|panel\\.h|menu\\.h|form\\.h)", "^(ui|tests)/")
			library("^(cuda|cublas|cooperative_groups|nccl|cub/|mma\\.h)", "^(kernels|tests)/")
			library("^sentencepiece", "^engine/spm\\.")
			library("^pcre2", "^engine/")
			split(file, place, "/")
		}
		function say(text) {
			print file ":" FNR ": " text
		}
		{
			sub(/\r$/, "")
			while (/\\$/ && (getline more) > 0)
				$0 = substr($0, 1, length($0) - 1) more
			gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, " ")
		}
		/^[ \t]*#[ \t]*(include|include_next|import)([^_a-z]|$)/ {
			name = $0
			sub(/^[ \t]*#[ \t]*[a-z_]+[ \t]*/, "", name)
			quote = substr(name, 1, 1)
			name = substr(name, 2)
			sub(/[">].*/, "", name)
			split(name, part, "/")
			own = (part[1], part[1]) in may && index(name, "/")
			if (quote != "\"" && quote != "<")
				say("includes through a macro, which cannot be checked")
			else if (name ~ /(^|\/)\.\.?(\/|$)/ || (quote == "\"" && !own))
				say("\"" name "\" is not written from the root of the tree, as layer/file.h")
			else if (own && !((place[1], part[1]) in may))
				say(place[1] " may not include " part[1] " (" name ")")
			for (i = 1; i <= libraries; i++)
				if (!own && name ~ header[i] && file !~ owner[i])
					say("<" name "> belongs to " owner[i] " alone")
		}
		' "$file"
	done
)

[ -n "$found" ] || exit 0
printf '%s\n' "$found"
exit 1
