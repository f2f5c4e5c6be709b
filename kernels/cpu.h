/* kernels/cpu.h - which instruction set the CPU kernels use.
 *
 * Files named *_isa.c are compiled once for each instruction set (kernels/simd.h);
 * the functions in them carry its name as a suffix. ISA_PICK chooses at run time.
 * All of them compute the same within the tolerance that the op's header states.
 *
 * AMX is on top of AVX-512: ops that gain from tile products have a file *_amx.c
 * (kernels/tiles.h), the others use their AVX-512 code. */

#ifndef KERNELS_CPU_H
#define KERNELS_CPU_H

#include "base/error.h"

typedef enum {
	CPU_PORTABLE, /* the compiler's baseline: SSE2, NEON */
	CPU_AVX2,     /* + FMA, F16C */
	CPU_AVX512,   /* F, BW, DQ, VL */
	CPU_AMX,      /* + AMX-TILE, AMX-BF16, AVX512-BF16 */
	CPU_ISA_COUNT,
} cpu_isa;

const char *cpu_isa_name(cpu_isa i); /* "portable", "avx2", "avx512", "amx" */

/* Best set that both this machine and this build have. */
cpu_isa cpu_isa_best(void);

/* The one in use: the best, or what FOLIO_ISA or cpu_isa_force named. */
cpu_isa cpu_isa_used(void);

/* Use i from now on (tests, comparison). ERR_UNSUPPORTED if the machine or the
 * build lacks it. Not while kernels run. */
int cpu_isa_force(cpu_isa i, error *err);

#ifdef FOLIO_X86
#define ISA_DECLARE(ret, name, ...) \
	ret name##_portable(__VA_ARGS__); \
	ret name##_avx2(__VA_ARGS__); \
	ret name##_avx512(__VA_ARGS__)
#define ISA_PICK(name) \
	(cpu_isa_used() >= CPU_AVX512 ? name##_avx512 : \
	 cpu_isa_used() == CPU_AVX2 ? name##_avx2 : name##_portable)
#else
#define ISA_DECLARE(ret, name, ...) ret name##_portable(__VA_ARGS__)
#define ISA_PICK(name) name##_portable
#endif

#endif
