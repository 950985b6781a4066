// SPDX-License-Identifier: MIT

package main

import "time"

// spawn: n tasks that only say which they are. Timed: make, run, read and check every result, as in C.
func init() {
	for _, name := range groupNames {
		add("spawn", name, func(a *args) { spawn(a, groups[name]) })
	}
}

func spawn(a *args, run group) {
	start := time.Now()
	run.empty(a)
	nsPerTask(time.Since(start), a.n)
}
