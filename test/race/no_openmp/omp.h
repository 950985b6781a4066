/* SPDX-License-Identifier: MIT */
#ifndef RACE_OMP_H
#define RACE_OMP_H
/* Stands in for OpenMP's header where the library is built on plain threads: see omp_on_threads.c. */

typedef enum omp_proc_bind_t { omp_proc_bind_false } omp_proc_bind_t;

int omp_get_level(void);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_max_threads(void);
int omp_get_num_procs(void);
int omp_get_cancellation(void);
int omp_get_max_active_levels(void);
omp_proc_bind_t omp_get_proc_bind(void);
int omp_get_num_places(void);
int omp_get_place_num_procs(int place);
void omp_get_place_proc_ids(int place, int *ids);

#endif
