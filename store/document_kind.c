#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/path.h"
#include "store/document_text.h"

/* Everything that is read by lines: programs, and data and settings in lines. Sorted. */
static const char *const code_extension[] = {
	"ada", "adb", "ads", "asm", "awk", "bash", "bat", "bzl", "c", "cc", "cfg", "cjs", "clj",
	"cljs", "cmake", "cmd", "coffee", "conf", "cpp", "cs", "csh", "css", "csv", "cts", "cu",
	"cuh", "cxx", "d", "dart", "desktop", "diff", "el", "elm", "erl", "ex", "exs", "f", "f03",
	"f08", "f90", "f95", "fish", "for", "fs", "fsx", "glsl", "go", "gradle", "graphql",
	"groovy", "h", "hcl", "hh", "hlsl", "hpp", "hrl", "hs", "htm", "html", "hxx", "inc", "ini",
	"ipynb", "java", "jl", "js", "json", "json5", "jsonl", "jsx", "ksh", "kt", "kts", "l",
	"less", "lisp", "log", "lua", "m", "m4", "mak", "metal", "mjs", "mk", "ml", "mli", "mm",
	"mod", "mts", "nim", "nix", "pas", "patch", "php", "pl", "pm", "proto", "ps1", "pxd", "py",
	"pyi", "pyx", "r", "rb", "rs", "s", "sass", "sbt", "scala", "scm", "scss", "service", "sh",
	"sql", "sv", "svelte", "svg", "swift", "tcl", "tf", "thrift", "toml", "ts", "tsv", "tsx",
	"v", "vala", "vb", "vhd", "vhdl", "vim", "vue", "wat", "xml", "xsl", "y", "yaml", "yml",
	"zig", "zsh",
};

/* Sorted, by strcasecmp. */
static const char *const code_name[] = {
	".clang-format", ".dockerignore", ".editorconfig", ".gitattributes", ".gitignore",
	".gitmodules", "BUILD", "CMakeLists.txt", "Containerfile", "Dockerfile", "Gemfile",
	"GNUmakefile", "Jenkinsfile", "Justfile", "Kbuild", "Kconfig", "Makefile", "Procfile",
	"Rakefile", "requirements.txt", "Vagrantfile", "WORKSPACE",
};

static int by_name(const void *a, const void *b)
{
	return strcasecmp(a, *(const char *const *)b);
}

#define LISTED(name, table) \
	(bsearch((name), (table), sizeof(table) / sizeof((table)[0]), sizeof((table)[0]), by_name) != NULL)

document_kind text_kind(const char *path, const char *text, size_t n)
{
	const char *base = path_base(path), *ext = path_extension(path);

	if (LISTED(base, code_name))
		return DOC_CODE;
	if (strcasecmp(ext, "md") == 0 || strcasecmp(ext, "markdown") == 0)
		return DOC_MARKDOWN;
	if (LISTED(ext, code_extension))
		return DOC_CODE;
	if (!ext[0] && n > 2 && memcmp(text, "#!", 2) == 0)
		return DOC_CODE;
	return DOC_TEXT;
}

const char *document_kind_name(document_kind k)
{
	static const char *const name[DOC_KINDS] = { "text", "markdown", "code", "folder" };

	return (unsigned)k < DOC_KINDS ? name[k] : "unknown";
}
