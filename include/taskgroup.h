/* SPDX-License-Identifier: MIT */
#ifndef TASKGROUP_H
#define TASKGROUP_H
/**
 * @file taskgroup.h
 * The one header to include: groups of fallible tasks on the OpenMP team.
 */
#include <taskgroup/status.h>
#include <taskgroup/version.h>
#include <taskgroup/context.h>
#include <taskgroup/limit.h>
#include <taskgroup/task.h>
#include <taskgroup/group.h>
#include <taskgroup/control.h>
#include <taskgroup/outcome.h>
#include <taskgroup/combine.h>
#include <taskgroup/pool.h>

#endif
