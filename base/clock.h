/* base/clock.h - time. */

#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

double clock_s(void);      /* monotonic seconds, for durations */
int64_t clock_unix(void);  /* seconds since 1970, for records */

#endif
