// SPDX-License-Identifier: MIT

package main

import "time"

// small: a whole group of n empty tasks, again and again; the figure is the median of single groups.
func init() {
	for _, name := range groupNames {
		add("small", name, func(a *args) { small(a, groups[name]) })
	}
}

func small(a *args, run group) {
	if a.region != 0 {
		wrong("Go has no parallel regions")
	}
	times := make([]float64, a.groups)
	for g := range times {
		start := time.Now()
		run.empty(a)
		times[g] = us(time.Since(start))
	}
	report("us_per_group", median(times))
}
