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
	results := make([]uint64, a.n)
	mustBeOk(run(a.threads, a.n, func(i int) error {
		results[i] = uint64(i + 1)
		return nil
	}))
	checkResults(results)
	nsPerTask(time.Since(start), a.n)
}
