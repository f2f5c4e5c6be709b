#!/bin/sh
# From a fresh checkout to folio on a document: packages, build, model, start.
# Every step is skipped when it is done already, so a second run takes seconds.
set -eu

usage()
{
	echo "usage: sh app/start.sh [DOCUMENT]"
	echo "Builds folio and opens it on DOCUMENT (a file, a folder or - for standard"
	echo "input), or on the sample document when none is named."
}

case ${1-} in
-h | --help) usage; exit 0 ;;
-) ;;
-*) usage >&2; exit 2 ;;
esac
if [ $# -gt 1 ]; then
	usage >&2
	exit 2
fi

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
doc=${1-$root/assets/sample.md}
if [ "$doc" != - ] && [ ! -r "$doc" ]; then
	echo "There is no document '$doc' that can be read." >&2
	exit 3
fi
# A file may be called like one of folio's commands.
case $doc in
- | */*) ;;
*) doc=./$doc ;;
esac

# shellcheck source=app/packages.sh
. "$root/app/packages.sh"
# shellcheck source=app/build.sh
. "$root/app/build.sh"

build=$root/build
if ! mkdir -p "$build" 2>/dev/null || [ ! -w "$build" ]; then
	echo "$build cannot be written: folio is built there. Give yourself the right, or copy the checkout." >&2
	exit 1
fi

packages_need "$packages_build" "$build/packages.log" || {
	echo "Stopped at step 1 of 3, packages." >&2
	exit 1
}

[ -x "$build/folio" ] || echo "Building folio into $build (a minute or two) ..." >&2
{
	build_configure "$root" "$build" "$build/configure.log" -DCMAKE_BUILD_TYPE=Release -DWITH_TESTS=OFF &&
		build_make "$build" "$build/build.log" folio
} || {
	echo "Stopped at step 2 of 3, building." >&2
	exit 1
}

# Another model named by the person makes the default one unnecessary.
if [ -z "${FOLIO_MODEL-}" ]; then
	"$build/folio" model get smollm2-135m-instruct </dev/null >&2 || {
		echo "Stopped at step 3 of 3, fetching the default model. To use a model file that you have:" >&2
		echo "  $build/folio model add FILE.gguf && FOLIO_MODEL=FILE.gguf sh $0" >&2
		exit 1
	}
fi

exec "$build/folio" "$doc"
