# Configure and build with CMake. Sourced by app/start.sh and tests/run.sh.

build_jobs()
{
	getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2
}

# build_failed LOG WHAT
build_failed()
{
	grep -E 'rror|FAILED|undefined reference|is required|not found|Killed|No space' "$1" | head -n 20 >&2 ||
		tail -n 15 "$1" >&2
	echo "$2 failed; all of it is in $1." >&2
	return 1
}

# build_configure SOURCE FOLDER LOG OPTION...: unless the folder is configured for
# this source already; then CMake looks itself, during the build, at what changed.
build_configure()
{
	source=$1 folder=$2 log=$3
	shift 3
	if [ -f "$folder/build.ninja" ] || [ -f "$folder/Makefile" ]; then
		home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$folder/CMakeCache.txt" 2>/dev/null || true)
		[ "$home" = "$source" ] && return 0
	fi
	# A checkout that was moved, or a configuration that broke off, starts anew.
	rm -rf "$folder/CMakeCache.txt" "$folder/CMakeFiles"
	command -v ninja >/dev/null 2>&1 && set -- -G Ninja "$@"
	cmake -S "$source" -B "$folder" "$@" </dev/null >"$log" 2>&1 || build_failed "$log" "Configuring (cmake)"
}

# build_make FOLDER LOG [TARGET...]
build_make()
{
	folder=$1 log=$2
	shift 2
	[ $# -eq 0 ] || set -- --target "$@"
	cmake --build "$folder" --parallel "$(build_jobs)" "$@" </dev/null >"$log" 2>&1 || build_failed "$log" "Building"
}
