// SPDX-License-Identifier: MIT
// A program in C++: options by member, since the macros are C; a lambda as the task's function.
#include <taskgroup.h>

#include <iostream>
#include <string>
#include <vector>

int main()
{
    const std::vector<double> x = {1, 2, 3, 4, 5};
    std::vector<double> y(x.size());
    tg_task_fn *square = [](tg_task *, void *arg, void *result) {
        const double v = *static_cast<const double *>(arg);
        *static_cast<double *>(result) = v * v;
        return 0;
    };

    tg_group_options options = {};
    options.size = sizeof options;
    options.threads = 2;
    if (tg_map_run(x.size(), square, x.data(), sizeof(double), y.data(), sizeof(double),
            &options) != TG_OK ||
        y[4] != 25)
        return 1;

    tg_group *g = tg_group_create(&options);
    tg_task_options task = {};
    task.size = sizeof task;
    task.name = "seven";
    tg_task_fn *refuse = [](tg_task *self, void *, void *) {
        return tg_task_fail(self, 33, "refused number %d", 7);
    };
    tg_group_add_with(g, refuse, nullptr, &task, nullptr);
    if (tg_group_run(g) != TG_FAILED ||
        tg_group_error(g)->message != std::string("refused number 7"))
        return 2;
    tg_group_destroy(g);
    std::cout << tg_version_string() << '\n';
    return 0;
}
