#!/bin/sh
# folio from the outside: the real program and the real default model on small
# documents, in a library of its own. $1: the build folder.
set -eu
export LC_ALL=C.UTF-8

folio=${1:?the build folder}/folio
if [ -z "${FOLIO_TEST_MODEL-}" ] || [ ! -r "$FOLIO_TEST_MODEL" ]; then
	echo "skipped: FOLIO_TEST_MODEL does not name a model file"
	exit 77
fi
if [ ! -x "$folio" ]; then
	echo "$folio was not built"
	exit 1
fi
# A sanitised program reads many times slower: it gets no long document.
sanitised=$(sed -n 's/^SANITIZE:BOOL=//p' "$1/CMakeCache.txt" 2>/dev/null || true)

tmp=$(mktemp -d "${TMPDIR:-/tmp}/folio-cli-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
unset FOLIO_MODEL FOLIO_BUDGET FOLIO_STYLE FOLIO_THREADS 2>/dev/null || true
export FOLIO_HOME="$tmp/home" FOLIO_CONFIG="$tmp/config.ini"
bad=0

wrong()
{
	bad=1
	echo "WRONG: $1"
	[ ! -s "$tmp/out" ] || cat -v "$tmp/out" | sed 's/^/  out: /' | head -n 20
	[ ! -s "$tmp/err" ] || cat -v "$tmp/err" | sed 's/^/  err: /' | head -n 20
}

# expect CODE ARGUMENT...: run folio without a terminal; its output is in out, err.
expect()
{
	code=$1
	shift
	got=0
	"$folio" "$@" <"${input:-/dev/null}" >"$tmp/out" 2>"$tmp/err" || got=$?
	[ "$got" -eq "$code" ] || wrong "folio $* ended with $got, not $code"
	if grep -q 'Sanitizer\|runtime error' "$tmp/err"; then
		wrong "folio $*: a sanitizer spoke"
	fi
}

# holds PYTHON "what": the expression is true of j, the JSON object in out, with
# old as the object kept by keep.
holds()
{
	python3 -c '
import json, os, sys
def load(name):
	return json.load(open(name, encoding="utf-8")) if os.path.exists(name) else None
j, old, tmp = load(sys.argv[1] + "/out"), load(sys.argv[1] + "/old"), sys.argv[1]
def tokens(o):
	"""Tokens of a document as shown: its own figure, else the sum over its contexts."""
	if isinstance(o.get("tokens"), int):
		return o["tokens"]
	for v in o.values():
		if isinstance(v, list) and v and isinstance(v[0], dict) and "tokens" in v[0]:
			return sum(x["tokens"] for x in v)
		if isinstance(v, dict) and tokens(v):
			return tokens(v)
	return 0
def lines_of(path):
	return open(path, encoding="utf-8").read().split("\n")
def in_file(source, path):
	"""The lines exist and hold the text, as far as blanks go."""
	a, b, have = source["line_from"], source["line_to"], lines_of(path)
	text = " ".join(" ".join(have[a - 1:b]).split())
	words = " ".join(source["text"].split())
	return 1 <= a <= b <= len(have) and words != "" and (words in text or text in words)
sys.exit(0 if eval(sys.argv[2]) else 1)
' "$tmp" "$1" 2>"$tmp/python" || {
		wrong "$2"
		tail -n 1 "$tmp/python"
	}
}

keep()
{
	cp "$tmp/out" "$tmp/old"
}

# Nothing that a terminal obeys: ESC, or a C1 control in UTF-8.
tame()
{
	if LC_ALL=C grep -q "$(printf '\033\\|\302[\200-\237]\\|\007')" "$tmp/out" "$tmp/err"; then
		wrong "$1 sends control sequences to the terminal"
	fi
}

contexts()
{
	find "$FOLIO_HOME" -name '*.kv' -type f | wc -l
}

cat >"$tmp/orchard.txt" <<'TEXT'
The Orchard at Velmora

The orchard at Velmora was planted in the spring of 1921 by the widow Sabine
Okoro. She had bought eleven hectares of stony ground on the south side of the
river Ister, for less than the price of a good horse, because nobody believed
that anything would grow there.

She planted pears, and only pears. Of the first six hundred trees more than half
died in the winter of 1923, when the river froze for seven weeks. The survivors
were of a single sort, a small brown fruit called the Winter Bishop. From then on
she grafted every new tree from these.

The Winter Bishop is picked in the last week of October, when it is still as hard
as wood. It is laid on straw in a dark cellar and must not be touched before
Christmas. In January it turns yellow within three days, and whoever misses these
days has missed the year.

The cellar was dug by her brother Matthias, a retired miner. It is forty metres
long and keeps a temperature of six degrees in summer and in winter. Over its door
he carved the words: be patient, I was too. The key weighs almost a kilogram and
hangs in the kitchen, where a nail has held it for a hundred years.

In 1938 a merchant from the capital, Leopold Grun, offered to buy the whole
harvest for ten years. Sabine Okoro sent him one pear and asked him to wait until
January before he made up his mind. He ate it in November, wrote an angry letter,
and was never heard of again.

The river floods the lower rows about every ninth year. After the flood of 1954
the trees there bore fruit that tasted of salt, and a chemist from the university,
Dr. Amelie Stroud, came to find out why. She stayed for two summers and found that
the water had opened an old bed of rock salt. Her advice was to plant willows in
between, and the taste was gone after four years.

Since 1971 the orchard has belonged to a cooperative of nineteen families. Each
family cares for thirty trees and has one vote. The rules fit on one page; the
longest of them says what happens to a ladder that was left out in the rain. The
chair is drawn by lot every spring, and nobody may hold it twice.

A pear from Velmora is sold with a paper band on which the day of its picking is
written by hand. Children are paid for the writing, one coin for every fifty
bands. In a good year there are eighty thousand pears, and the school of Velmora
has bought its piano, its telescope and a bus from the coins.

The oldest tree still stands beside the gate. It was struck by lightning in 1966
and has borne fruit on one side only ever since. It is called the Widow, and at
every wedding in the village the first slice of cake is laid between its roots.
TEXT

# -- before there is a model --
expect 2
expect 2 frobnicate
expect 2 ask
expect 2 list --no-such-option
expect 2 ask orchard question --budget 7
expect 0 --help
expect 0 --version
for command in add ask list show rm verify models model config doctor tokens; do
	expect 0 "$command" --help
	[ -s "$tmp/out" ] || wrong "folio $command --help says nothing"
done
expect 0 list --json
expect 3 show orchard
expect 3 model add "$tmp/no-such.gguf"
expect 1 model add "$tmp/orchard.txt"

# -- the model --
expect 0 model add "$FOLIO_TEST_MODEL" --name little
expect 0 model use little
expect 0 models --json
holds 'any("little" in str(v) for v in (j.values() if isinstance(j, dict) else j))' "models does not list the model"
expect 3 model use no-such-model
expect 0 doctor --json
holds 'isinstance(j, dict) and len(j) > 0' "doctor --json is no object"
expect 0 tokens --count "$tmp/orchard.txt"
count=$(cat "$tmp/out")
expect 0 tokens "$tmp/orchard.txt"
[ "$(wc -w <"$tmp/out")" -eq "$count" ] || wrong "tokens --count says $count, tokens prints another number of ids"

# -- a document, read once and asked --
expect 3 add "$tmp/no-such.txt"
expect 0 add "$tmp/orchard.txt" --title "The Orchard" --name orchard --yes --json
holds 'isinstance(j, dict)' "add --json is no object"
expect 0 list --json
holds '"orchard" in json.dumps(j)' "list does not show the document"
expect 0 show orchard --json
holds "tokens(j) >= $count" "show gives fewer tokens than the text has"
keep
question="Who planted the orchard at Velmora?"
expect 0 ask orchard "$question" --max-tokens 16 --json
holds 'j["answer"].strip() != ""' "the answer is empty"
holds 'j["reused_tokens"] == tokens(old)' "reused_tokens is not the document"
holds '0 < j["budget_read"] <= 1 and 0 < j["budget_asked"] <= 1' "budgets are not between 0 and 1"
holds 'j["prompt_tokens"] > 0 and 0 < j["answer_tokens"] <= 16' "token counts are wrong"
holds 'j["first_token_ms"] > 0 and j["tokens_per_s"] > 0' "times are missing"
holds 'len(j["sources"]) > 0 and all(in_file(s, tmp + "/orchard.txt") for s in j["sources"])' "a source is not in the file"
holds 'all(s["page"] is None and s["path"].endswith("orchard.txt") and 0 <= s["score"] <= 1 for s in j["sources"])' "a source is wrong"
keep
expect 0 ask orchard "$question" --max-tokens 16 --json
holds 'j["answer"] == old["answer"] and j["sources"] == old["sources"]' "asked again, the answer differs"
expect 0 ask "$tmp/orchard.txt" "$question" --max-tokens 16 --budget 1 --json
holds 'abs(j["budget_read"] - 1) < 1e-6' "budget 1 did not read everything"
expect 0 ask orch "$question" --max-tokens 16 --budget 1/8 --style sentence --json
holds 'abs(j["budget_asked"] - 0.125) < 1e-6 and j["budget_read"] < 0.5' "budget 1/8 is not kept"
expect 0 ask orchard "$question" --max-tokens 16 --quiet
[ -s "$tmp/out" ] || wrong "ask without --json prints no answer"
[ ! -s "$tmp/err" ] || wrong "ask --quiet is not quiet"
# -- the reader: answers, focus, adapters --
expect 0 ask orchard "Who dug the cellar?" --json
holds '"Matthias" in j["answer"] and j["refused"] is False' "the reader does not find who dug the cellar"
holds 'j["focus"] == 2 and j["focus_tokens"] > 0 and "Matthias" in j["sources"][0]["text"]' "the answer is not read from the right passage"
expect 0 ask orchard "And how long is it?" --continue --json
holds '"forty" in j["answer"]' "the follow-up is not understood"
expect 0 ask orchard "In which year was the oldest tree struck by lightning?" --focus 1 --json
holds '"1966" in j["answer"] and j["focus"] == 1 and j["reused_tokens"] > 0' "--focus 1 does not find the year"
expect 0 ask orchard "$question" --focus off --max-tokens 16 --json
holds 'j["focus"] == 0 and j["focus_tokens"] == 0' "--focus off is not off"
expect 2 ask orchard "$question" --focus many
expect 3 ask orchard "$question" --adapter "$tmp/no-such.gguf"
kept=$(contexts)
expect 0 ask orchard "$question" --max-tokens 4 --adapter none
[ "$(contexts)" -gt "$kept" ] || wrong "without the adapter the document was not read anew"
expect 0 model use little --adapter none
expect 0 models --json
holds 'j["models"][0]["adapter"] is None' "model use --adapter none leaves an adapter"
expect 1 model use little --adapter "$tmp/orchard.txt"
expect 0 model use little --adapter default
expect 0 models --json
holds '"reader" in j["models"][0]["adapter"]' "model use --adapter default does not bring the reader back"
expect 3 ask no-such-document "$question"
expect 2 ask orchard
expect 0 verify
expect 0 verify orchard
open=$(find "$FOLIO_HOME" -perm /077)
[ -z "$open" ] || wrong "others may look into: $open"

# -- what cannot be read --
head -c 4000 "$FOLIO_TEST_MODEL" >"$tmp/binary.dat"
expect 1 add "$tmp/binary.dat" --yes
grep -q 'binary.dat' "$tmp/err" || wrong "the refused file is not named"
: >"$tmp/empty.txt"
expect 1 add "$tmp/empty.txt" --yes

# -- a folder, asked without adding it first --
mkdir -p "$tmp/tools/src"
printf '# Ferret\n\nFerret is a tool that finds lost keys. It was written by Nadia Bloom.\n' >"$tmp/tools/README.md"
printf '#include <stdio.h>\n\n/* The answer that every key gives when it is called. */\nint ring(int volume)\n{\n\tint bells = 3;\n\n\treturn printf("%%d\\n", bells * volume);\n}\n' >"$tmp/tools/src/ring.c"
cp "$tmp/binary.dat" "$tmp/tools/logo.dat"
expect 0 ask "$tmp/tools" "Who wrote Ferret?" --max-tokens 12 --json
holds 'j["answer"].strip() != "" and len(j["sources"]) > 0' "a folder gives no answer"
holds 'all(s["path"] in ("README.md", "src/ring.c") and in_file(s, tmp + "/tools/" + s["path"]) for s in j["sources"])' "a folder's source is not in its file"
expect 0 add "$tmp/tools" --yes

# -- standard input, silently --
printf 'The bell of Oster was cast in 1744 by Piet Maas.\n\nIt weighs ninety kilograms and is rung at noon.\n' >"$tmp/bell.txt"
input=$tmp/bell.txt
expect 0 add - --name bell --title Bell --yes --quiet
input=
if [ -s "$tmp/out" ] || [ -s "$tmp/err" ]; then
	wrong "add --quiet is not quiet"
fi
expect 0 ask bell "Who cast the bell of Oster?" --max-tokens 12 --json
holds 'j["answer"].strip() != ""' "a document from standard input gives no answer"

# -- control sequences stay inside --
evil=$(printf 'evil\033[2J.txt')
printf 'The \033[31mred\033[0m door \033]0;owned\007 opens at nine.\n\nThe \302\2335mgreen door opens at ten.\n' >"$tmp/$evil"
got=0
"$folio" add "$tmp/$evil" --yes </dev/null >"$tmp/out" 2>"$tmp/err" || got=$?
tame "add"
[ "$got" -lt 2 ] || wrong "a document with control sequences ends with $got"
if [ "$got" -eq 0 ]; then
	expect 0 ask "$tmp/$evil" "When does the red door open?" --max-tokens 12
	tame "ask"
	expect 0 ask "$tmp/$evil" "When does the red door open?" --max-tokens 12 --json
	tame "ask --json"
	expect 0 show "$tmp/$evil"
	tame "show"
fi
expect 0 list
tame "list"
expect 3 show "$evil$evil"
tame "an error message"

# -- damage is found, and mended by reading again --
python3 - "$FOLIO_HOME" <<'PYTHON'
import glob, os, sys
names = glob.glob(sys.argv[1] + "/**/*.kv", recursive=True)
largest = max(map(os.path.getsize, names))
# Of the orchard, the longest document: with the adapter and without, which are equally large.
for name in (n for n in names if os.path.getsize(n) == largest):
    with open(name, "r+b") as f:
        f.seek(largest // 2)
        byte = f.read(1)[0]
        f.seek(largest // 2)
        f.write(bytes([byte ^ 0x10]))
PYTHON
expect 6 verify
expect 6 verify orchard
expect 0 verify bell
before=$(contexts)
expect 0 rm orchard
[ "$(contexts)" -lt "$before" ] || wrong "rm leaves the context file behind"
expect 3 show orchard
expect 3 rm orchard
expect 0 verify

# -- a stopped read keeps what it has and goes on --
if [ "$sanitised" != ON ]; then
	got=0
	python3 - "$folio" assets/sample.md >"$tmp/out" 2>"$tmp/err" <<'PYTHON' || got=$?
import signal, subprocess, sys
p = subprocess.Popen([sys.argv[1], "add", sys.argv[2], "--name", "sample", "--yes"], stdin=subprocess.DEVNULL,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
try:
    p.wait(5)
except subprocess.TimeoutExpired:
    p.send_signal(signal.SIGINT)
sys.exit(p.wait(60) % 256)
PYTHON
	# A fast machine may be done within the time.
	[ "$got" -eq 130 ] || [ "$got" -eq 0 ] || wrong "a stopped read ended with $got, not 130"
	expect 0 verify
	expect 0 add assets/sample.md --name sample --yes
	expect 0 ask sample "Where was the lens made?" --max-tokens 16 --json
	holds 'j["reused_tokens"] > 4000 and j["answer"].strip() != ""' "the document that was read in two goes gives no answer"
	holds 'all(in_file(s, "assets/sample.md") for s in j["sources"])' "a source is not in the sample"
	expect 0 ask sample "Who painted the tower red?" --max-tokens 16 --json
	holds 'j["refused"] and j["answer"] == "The document does not say."' "a question that the sample does not answer is not refused"
	# Its own ten questions, asked one after another in a conversation.
	python3 - "$folio" assets/sample-questions.json >"$tmp/out" 2>"$tmp/err" <<'PYTHON' || wrong "fewer than nine of the sample's ten questions are answered rightly"
import json, subprocess, sys
right = 0
for i, question in enumerate(json.load(open(sys.argv[2], encoding="utf-8"))["questions"]):
    go_on = ["--continue"] if i else []
    said = json.loads(subprocess.run([sys.argv[1], "ask", "sample", question["q"], "--json", *go_on], check=True, capture_output=True).stdout)["answer"]
    right += said in question["a"]
    print(question["q"], said, question["a"], sep=" | ")
sys.exit(right < 9)
PYTHON
fi

# -- the model goes, its file stays --
expect 0 config
expect 0 model remove little
[ -r "$FOLIO_TEST_MODEL" ] || wrong "model remove took a file that was not folio's"

[ $bad -eq 0 ] && echo "all fine"
exit $bad
