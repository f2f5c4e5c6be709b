#include "store/db.h"

/* Times are unix seconds, places are bytes of the document's text. AUTOINCREMENT: an
 * id that a person has noted never comes to mean another document. */
const char *const db_step[] = {
	/* 1 */
	"CREATE TABLE documents ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE,"
	"  path TEXT NOT NULL, title TEXT NOT NULL, kind TEXT NOT NULL, hash TEXT NOT NULL,"
	"  bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, text_bytes INTEGER NOT NULL,"
	"  added INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
	/* Standard input has no path of its own: its content stands for it. */
	"CREATE UNIQUE INDEX documents_path ON documents(path) WHERE path <> '-';"
	"CREATE UNIQUE INDEX documents_stdin ON documents(hash) WHERE path = '-';"
	/* Apart, so that listing documents does not read through their texts. */
	"CREATE TABLE texts ("
	"  document INTEGER PRIMARY KEY REFERENCES documents(id) ON DELETE CASCADE,"
	"  text BLOB NOT NULL, map TEXT NOT NULL) STRICT;"
	/* hash: the document's when the context was made; a row whose document has
	 * changed since is a miss. Documents with the same content share a file. */
	"CREATE TABLE contexts ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,"
	"  model TEXT NOT NULL, section INTEGER NOT NULL, sections INTEGER NOT NULL,"
	"  hash TEXT NOT NULL, key TEXT NOT NULL,"
	"  from_byte INTEGER NOT NULL, to_byte INTEGER NOT NULL,"
	"  tokens INTEGER NOT NULL, file_bytes INTEGER NOT NULL, file TEXT NOT NULL,"
	"  created INTEGER NOT NULL, used INTEGER NOT NULL,"
	"  UNIQUE (document, model, section)) STRICT;"
	"CREATE INDEX contexts_file ON contexts(file);"
	"CREATE TABLE conversations ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  document INTEGER NOT NULL REFERENCES documents(id) ON DELETE CASCADE,"
	"  title TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;"
	"CREATE INDEX conversations_document ON conversations(document);"
	"CREATE TABLE turns ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,"
	"  question TEXT NOT NULL, answer TEXT NOT NULL, sources TEXT NOT NULL, settings TEXT NOT NULL,"
	"  asked INTEGER NOT NULL, took_ms INTEGER NOT NULL) STRICT;"
	"CREATE INDEX turns_conversation ON turns(conversation);"
	"CREATE TABLE models ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE, path TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL,"
	"  bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, profile TEXT NOT NULL,"
	"  is_default INTEGER NOT NULL, added INTEGER NOT NULL) STRICT;"
	"CREATE UNIQUE INDEX models_default ON models(is_default) WHERE is_default <> 0;",
};

const int db_steps = sizeof(db_step) / sizeof(*db_step);
