#include "app/folio.h"

#include <stdlib.h>
#include <string.h>

#include "app/assets.h"
#include "app/models.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/path.h"

/* A log that cannot be written is no reason to refuse the work. */
static void open_log(const config *c)
{
	str dir = STR_INIT, file = STR_INIT;
	error ignored;

	if (!path_state_home(&dir, &ignored) && !path_make_dirs(str_text(&dir), &ignored)) {
		path_join(&file, dir.data, "folio.log");
		if (!file.oom)
			log_open(file.data, c->log, &ignored);
	}
	if (c->notes.len)
		log_line(LOG_WARN, "%s", c->notes.data);
	str_free(&file);
	str_free(&dir);
}

int folio_open(folio **out, error *err)
{
	folio *f = mem_zeroed(1, sizeof(*f));
	str home = STR_INIT;
	int status;

	*out = NULL;
	if (!f)
		return error_nomem(err, "folio");
	if (!(status = config_load(&f->cfg, err))) {
		open_log(&f->cfg);
		if (!(status = path_data_home(&home, err)))
			status = store_open(&f->lib, home.data, err);
	}
	str_free(&home);
	if (status)
		folio_close(f);
	else
		*out = f;
	return status;
}

void folio_close(folio *f)
{
	if (!f)
		return;
	engine_close(f->eng);
	model_row_free(&f->model);
	store_close(f->lib);
	config_free(&f->cfg);
	log_close();
	free(f);
}

int folio_engine(folio *f, error *err)
{
	model_row row = { 0 };
	int status;

	if (f->eng)
		return 0;
	if ((status = models_find(&row, f, f->cfg.model, err)))
		return status;
	status = models_open(&f->eng, f, &row, err);
	if (status) {
		model_row_free(&row);
		return status;
	}
	model_row_free(&f->model);
	f->model = row;
	return 0;
}
