/* base/number.h - numbers as a person reads them; each is appended to out. */

#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <stdint.h>

#include "base/str.h"

void number_put_bytes(str *out, int64_t bytes);   /* "93.8 MiB" */
void number_put_count(str *out, int64_t n);       /* "12,345" */
void number_put_seconds(str *out, double s);      /* "0.4 s", "3 min 20 s", "2 h 5 min" */
void number_put_time(str *out, int64_t unix_s);   /* "2025-01-31 14:03", local */

#endif
