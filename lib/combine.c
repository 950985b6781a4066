/* SPDX-License-Identifier: MIT */
#include <taskgroup/combine.h>

#include "options.h"
#include "status.h"

tg_status tg_map_run(size_t count, tg_task_fn *function, const void *items, size_t stride,
    void *results, size_t result_size, const tg_group_options *options)
{
    tg_group_options o;
    const char *why;
    tg_status status = tg__options_read(&o, sizeof o, options, &why);
    if (status != TG_OK)
        return tg__refuse(status, "tg_map_run: options: %s", why);
    if (o.results != NULL || o.result_size != 0 || o.capacity != 0)
        return tg__refuse(
            TG_INVALID, "tg_map_run: options: results, result_size or capacity is set");
    if (function == NULL)
        return tg__refuse(TG_INVALID, "tg_map_run: function is NULL");
    if ((results == NULL) != (result_size == 0))
        return tg__refuse(TG_INVALID, "tg_map_run: results %s NULL with result_size %zu",
            results == NULL ? "is" : "is not", result_size);
    o.size = sizeof o;
    o.results = count > 0 ? results : NULL;
    o.result_size = count > 0 ? result_size : 0;
    o.capacity = results != NULL ? count : 0;
    if (o.grainsize == 0)
        o.grainsize = TG_GRAIN_AUTO;

    tg_group *group = tg_group_create(&o);
    if (group == NULL)
        return tg_error_last()->status;
    status = tg_group_add_many(group, function, count, items, stride, NULL);
    if (status == TG_OK)
        status = tg_group_run(group);
    tg_group_destroy(group);
    return status;
}
