#!/bin/sh
# The actions of the interface are one table: the manual page and `folio keys` say the
# same of them, each has a key or takes its name after ":", and each is played in a case.
set -eu
folio=$1/folio
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export FOLIO_HOME="$tmp/home" FOLIO_CONFIG="$tmp/config.ini"
bad=0
wrong()
{
	echo "$1" >&2
	bad=1
}

"$folio" keys >"$tmp/keys"
"$folio" --help >"$tmp/help"
grep -q '^  keys ' "$tmp/help" || wrong "folio --help does not name 'keys'"
sed -n '/^\.SH INTERFACE/,/^\.SH ENVIRONMENT/p' assets/folio.1 | sed 's/\\-/-/g' >"$tmp/man"
sed -n 's/^\.B "\([a-z-]*\).*/\1/p' "$tmp/man" >"$tmp/in_man"
sed -n 's/^\([a-z][a-z-]*\) .*/\1/p' "$tmp/keys" >"$tmp/in_table"
[ "$(wc -l <"$tmp/in_table")" -ge 50 ] || wrong "folio keys lists too few actions"
diff "$tmp/in_table" "$tmp/in_man" >&2 || wrong "assets/folio.1 and the table name different actions"
while read -r name; do
	help=$(sed -n "s/^$name  *//p" "$tmp/keys" | head -n 1)
	grep -qiF -- "$help." "$tmp/man" || wrong "assets/folio.1 says something else of $name than '$help'"
	keys=$(grep -A1 "^$name " "$tmp/keys" | sed -n 's/^   *//p')
	[ -z "$keys" ] || grep -qF -- "($keys)" "$tmp/man" || wrong "assets/folio.1 has other keys for $name than '$keys'"
	grep -qE -- "(:| )$name( |\$)" tests/ui/cases/*.case || wrong "no case in tests/ui/cases plays $name"
done <"$tmp/in_table"
exit $bad
