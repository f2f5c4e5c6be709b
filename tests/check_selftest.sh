#!/bin/sh
# The checks must be able to fail: each is run on a made-up tree, first sound,
# then with one fault at a time.
set -eu
export LC_ALL=C

here=$(pwd)/tests
tree=$(mktemp -d "${TMPDIR:-/tmp}/folio-check-XXXXXX")
trap 'rm -rf "$tree"' EXIT
trap 'exit 130' INT TERM
bad=0

sound_tree()
{
	rm -rf "${tree:?}/t"
	mkdir -p "$tree/t/build-x"
	cd "$tree/t"
	mkdir app assets base engine kernels store tests ui
	touch CMakeLists.txt LICENSE README.md .gitignore
	printf '#include <stdio.h>\n#include "base/b.h"\n' >base/b.c
	printf '#  include "base/b.h"\n#include "kernels/k.h"\n' >kernels/k.c
	printf '#include "kernels/k.h"\n#include <jansson.h>\n' >engine/e.c
	printf '#include <sentencepiece_processor.h>\n' >engine/spm.cc
	printf '#include <sqlite3.h>\n#include "store/s.h"\n' >store/s.c
	printf '#include <curses.h>\n#include "ui/u.h"\n' >ui/u.c
	printf '#include "engine/e.h"\n#include "store/s.h"\n#include "ui/u.h"\n' >app/a.c
	printf 'int main(void)\n{\n\treturn 0;\n}\n' >app/main.c
	printf '#include "tests/support.h"\n#include <sqlite3.h>\n' >tests/t.c
}

passes()
{
	if ! sh "$here/$1" "$tree/t/build-x" >"$tree/out" 2>&1; then
		echo "$1 fails on a sound tree ($2):"
		cat "$tree/out"
		bad=1
	fi
}

# fails CHECK "a word of the message" "what is wrong"
fails()
{
	if sh "$here/$1" "$tree/t/build-x" >"$tree/out" 2>&1; then
		echo "$1 does not see: $3"
		bad=1
	elif ! grep -q -- "$2" "$tree/out"; then
		echo "$1 fails for another reason than: $3"
		cat "$tree/out"
		bad=1
	fi
}

# fault FILE TEXT: a sound tree but for one line more.
fault()
{
	sound_tree
	mkdir -p "$(dirname "$1")"
	printf '%b\n' "$2" >>"$1"
}

sound_tree
passes check_layers.sh "as made"
passes check_style.sh "as made"

while IFS='|' read -r file line why; do
	fault "$file" "$line"
	fails check_layers.sh "^$file:" "$why"
done <<'EOF_FAULTS'
base/b.c|#include "kernels/k.h"|base sees kernels
kernels/k.c|#include "engine/e.h"|kernels see engine
engine/e.c|#include "store/s.h"|engine sees store
engine/e.h|#include <store/s.h>|engine sees store through a header in angle brackets
store/s.c|#include "engine/e.h"|store sees engine
store/s.c|/* why */ #include "app/a.h"|store sees app behind a comment
store/s.c|# /**/ include "app/a.h"|store sees app around a comment
ui/u.c|#include "store/s.h"|ui sees store
ui/deep/er.c|#include "engine/e.h"|ui sees engine from a folder below
app/a.c|#include "kernels/k.h"|app sees kernels
app/a.c|#include "tests/support.h"|the program sees its tests
engine/e.c|#include "../store/s.h"|a way around by a relative path
engine/e.c|#include "e.h"|a header not written from the root
engine/e.c|#include \\\n"store/s.h"|store on a continued line
engine/e.c|#include STORE_HEADER|an include through a macro
app/a.c|#include <sqlite3.h>|SQLite outside of store
engine/e.c|\t#\tinclude <sqlite3ext.h>|SQLite outside of store, indented
app/a.c|#include <ncursesw/curses.h>|curses outside of ui
engine/e.c|#include <cuda_runtime.h>|CUDA outside of kernels
engine/e.cu|#include <cublas_v2.h>|cuBLAS outside of kernels
engine/tokenizer.c|#include <sentencepiece_processor.h>|sentencepiece outside of its wrapper
EOF_FAULTS

sound_tree
touch notes.txt
fails check_layers.sh "^notes.txt:" "a stray file at the top level"
sound_tree
mkdir scripts
fails check_layers.sh "^scripts:" "a stray folder at the top level"

while IFS='|' read -r file line why; do
	fault "$file" "$line"
	fails check_style.sh "^$file:" "$why"
done <<'EOF_FAULTS'
base/b.c|int a; |a blank at the end of a line
README.md|text\t|a tab at the end of a line
base/b.c|int a;\r|CRLF
base/b.c|/* TO\0104O: later */|a word of unfinished work
engine/e.c|/* good enough for\0040now */|words of unfinished work
base/b.c|int f(void)\n{\n        return 1;\n}|blanks for a tab
base/b.c|int f(void)\n{\n    \treturn 1;\n}|blanks before a tab
assets/x.json|{\t}|a tab in JSON
app/x.sh|if true; then|a script that is no script
EOF_FAULTS
sound_tree
printf 'int a;' >base/c.c
fails check_style.sh "^base/c.c:" "no newline at the end of the file"

exit $bad
