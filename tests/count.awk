# Count tests in ctest's JUnit files: the cases of a cmocka program by its own
# summary, any other program as one. A program that died, leaked or timed out is a
# failure whatever its summary said. broken: failures known before.

function value(name, text)
{
	if (!match(text, name "=\"[^\"]*\""))
		return ""
	return substr(text, RSTART + length(name) + 2, RLENGTH - length(name) - 3)
}

function summary(word, number)
{
	if (!match($0, "\\[  " word " *\\] [0-9]+ test\\(s\\)"))
		return 0
	number = substr($0, RSTART, RLENGTH)
	sub(/.*\] /, "", number)
	return number + 0
}

/<testcase / {
	status = value("status", $0)
	by_itself = p = f = s = 0
}
/<skipped message="SKIP_/ { by_itself = 1 }
{
	p += summary("PASSED")
	f += summary("FAILED")
	s += summary("SKIPPED")
}
/<\/testcase>/ {
	if (status == "run") {
		passed += p + f + s ? p : 1
		skipped += s
		failed += f
	} else if (status == "disabled" || by_itself) {
		skipped++
	} else {
		passed += p
		skipped += s
		failed += f ? f : 1
	}
}
END {
	failed += broken
	printf "%d passed, %d failed%s\n", passed, failed, skipped ? ", " skipped " skipped" : ""
	exit failed > 0 || passed == 0
}
