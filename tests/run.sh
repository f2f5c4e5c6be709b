#!/bin/sh
# Everything that can be checked: build with warnings as errors and run all tests,
# then again under the address and undefined-behaviour sanitizers, without the
# tests labelled slow. Ends with "N passed, N failed[, N skipped]" over both.
set -eu

if [ $# -gt 0 ]; then
	echo "usage: sh tests/run.sh"
	[ "$1" = --help ] && exit 0
	exit 2
fi

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
plain=$root/build-test
asan=$root/build-asan

# shellcheck source=app/packages.sh
. "$root/app/packages.sh"
# shellcheck source=app/build.sh
. "$root/app/build.sh"

# A step before the tests broke: the last line says so like any other failure.
stop()
{
	echo "$1" >&2
	echo "0 passed, 1 failed"
	exit 1
}

# A model file below folder $1 whose SHA-256 stands in a manifest of assets/; the
# default model has 94 MB, larger ones need not be read to know that they are not it.
model_below()
{
	find "$1" -name '*.gguf' -type f -size -200000k 2>/dev/null | while IFS= read -r file; do
		sum=$(sha256sum "$file" | cut -d' ' -f1)
		if grep -rqsi "$sum" "$root/assets"; then
			printf '%s\n' "$file"
			break
		fi
	done
}

# The default model for the tests that need it, from the person's library or
# fetched into the build folder; without it those tests skip.
find_model()
{
	if [ -n "${FOLIO_TEST_MODEL-}" ]; then
		case $FOLIO_TEST_MODEL in
		/*) ;;
		*) FOLIO_TEST_MODEL=$PWD/$FOLIO_TEST_MODEL ;;
		esac
		[ -r "$FOLIO_TEST_MODEL" ] || stop "FOLIO_TEST_MODEL names $FOLIO_TEST_MODEL, which cannot be read."
		return 0
	fi
	FOLIO_TEST_MODEL=$(model_below "${FOLIO_HOME:-${XDG_DATA_HOME:-${HOME:-/nowhere}/.local/share}/folio}")
	[ -n "$FOLIO_TEST_MODEL" ] || FOLIO_TEST_MODEL=$(model_below "$plain/model")
	if [ -z "$FOLIO_TEST_MODEL" ] && [ -x "$plain/folio" ]; then
		echo "Fetching the default model for the tests ..."
		FOLIO_HOME=$plain/model FOLIO_CONFIG=$plain/model/config.ini timeout 600 \
			"$plain/folio" model get smollm2-135m-instruct </dev/null >"$plain/model.log" 2>&1 || true
		FOLIO_TEST_MODEL=$(model_below "$plain/model")
	fi
	if [ -n "$FOLIO_TEST_MODEL" ]; then
		export FOLIO_TEST_MODEL
		return 0
	fi
	unset FOLIO_TEST_MODEL
	[ ! -f "$plain/model.log" ] || tail -n 3 "$plain/model.log"
	echo "The default model is not here and could not be fetched: tests that need it are skipped."
}

# The person's settings and library stay out of the tests' way.
isolate()
{
	for name in $(env | sed -n 's/^\(FOLIO_[A-Z_]*\)=.*/\1/p'); do
		case $name in
		FOLIO_TEST_*) ;;
		*) unset "$name" ;;
		esac
	done
	FOLIO_HOME=$plain/home
	FOLIO_CONFIG=$plain/home/config.ini
	export FOLIO_HOME FOLIO_CONFIG
}

build()
{
	folder=$1
	shift
	mkdir -p "$folder" || return 1
	build_configure "$root" "$folder" "$folder/configure.log" -DWITH_TESTS=ON "$@" &&
		build_make "$folder" "$folder/build.log"
}

# suite FOLDER CTEST-OPTION...
suite()
{
	folder=$1
	shift
	rm -f "$folder/junit.xml"
	status=0
	ctest --test-dir "$folder" --output-on-failure -j2 --timeout 900 \
		--test-output-size-passed 1000000 --test-output-size-failed 1000000 \
		--output-junit "$folder/junit.xml" "$@" </dev/null || status=$?
	if [ ! -s "$folder/junit.xml" ]; then
		echo "ctest left no results in $folder (exit code $status)." >&2
		broken=$((broken + 1))
	fi
}

packages_need "$packages_build
$packages_test" "${TMPDIR:-/tmp}/folio-packages-$$.log" || stop "Stopped: packages are missing."
rm -f "${TMPDIR:-/tmp}/folio-packages-$$.log"

broken=0
echo "Building with warnings as errors into $plain ..."
build "$plain" -DCMAKE_BUILD_TYPE=Release -DWERROR=ON || stop "Stopped: the build with warnings as errors failed."
find_model
isolate
suite "$plain"

# Assertions are on here: no NDEBUG.
echo "Building with sanitizers into $asan ..."
if build "$asan" -DSANITIZE=ON -DCMAKE_BUILD_TYPE=Debug \
	"-DCMAKE_C_FLAGS_DEBUG=-O2 -g1" "-DCMAKE_CXX_FLAGS_DEBUG=-O2 -g1"; then
	export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
	# What only reads the sources need not be done twice.
	suite "$asan" -LE '^slow$' -E '^check/(layers|style|selftest)$'
else
	rm -f "$asan/junit.xml"
	broken=$((broken + 1))
fi

cat "$plain/junit.xml" "$asan/junit.xml" 2>/dev/null | awk -v broken="$broken" -f "$root/tests/count.awk"
