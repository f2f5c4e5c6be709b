# Completion of folio for bash: source this file, or copy it to
# ~/.local/share/bash-completion/completions/folio. Commands, options, names and keys
# are asked of folio itself, so that nothing here can fall behind.

_folio_words()
{
	local IFS=$'\n'
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
	# Names hold no blanks, but what is completed must come out as one word.
	local i
	for i in "${!COMPREPLY[@]}"; do
		printf -v "COMPREPLY[$i]" '%q' "${COMPREPLY[$i]}"
	done
}

_folio_files()
{
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

# The words so far that are no options: ${plain[@]}, without what stands before them.
_folio_plain()
{
	local i word skip=
	plain=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $word == = ]]; then
			skip=yes
		elif [[ -n $skip ]]; then
			skip=
		elif [[ $word == --model || $word == -m || $word == --title || $word == --name || $word == -n || $word == --budget ||
			$word == -b || $word == --threads || $word == -t || $word == --style || $word == -s || $word == --calibration || $word == --adapter || $word == --focus ]]; then
			[[ ${COMP_WORDS[i + 1]-} == = ]] || skip=yes
		elif [[ $word != -* ]]; then
			plain+=("$word")
		fi
	done
}

_folio()
{
	local folio=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command
	local -a plain
	COMPREPLY=()

	[[ $cur == = ]] && cur=
	[[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
	case $before in
	--model | -m) _folio_words "$("$folio" models --names 2>/dev/null)"; return ;;
	--style | -s) _folio_words $'phrase\nsentence\nfree'; return ;;
	--focus) _folio_words $'auto\noff\n1\n2\n3\n4\n5'; return ;;
	--calibration) _folio_words $'error\nthreshold'; return ;;
	esac

	_folio_plain
	command=${plain[0]-}
	case $command in
	model | config)
		if ((${#plain[@]} == 1)) && [[ $cur != -* ]]; then
			_folio_words "$("$folio" help --names | sed -n "s/^$command //p")"
			return
		fi
		case ${plain[1]-} in
		add | get | use | remove | set | path) command="$command ${plain[1]}" ;;
		esac
		;;
	esac
	if [[ $cur == -* ]]; then
		_folio_words "$("$folio" help --names ${command:-open} 2>/dev/null)"$'\n--help'
		return
	fi
	case $command:${#plain[@]} in
	:0)
		_folio_words "$("$folio" help --names | sed 's/ .*//' | sort -u)"
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null
		;;
	add:* | tokens:1 | "model add":*) _folio_files ;;
	ask:1 | open:1)
		_folio_words "$("$folio" list --names 2>/dev/null)"
		((${#COMPREPLY[@]})) || _folio_files
		;;
	show:1 | rm:* | rename:1 | verify:1) _folio_words "$("$folio" list --names 2>/dev/null)" ;;
	"model use":* | "model remove":*) _folio_words "$("$folio" models --names 2>/dev/null)" ;;
	"config get":2 | "config set":2) _folio_words "$("$folio" config --names)" ;;
	help:*) _folio_words "$("$folio" help --names | sed 's/ .*//' | sort -u)" ;;
	bench:1) _folio_words $'prefill\ndecode\nreopen' ;;
	esac
}

complete -F _folio folio
