// SPDX-License-Identifier: MIT

package main

import "time"

// grain: n tasks of `body` microseconds each, timed as in spawn. The figure is the time over the ideal.
func init() {
	for _, name := range []string{"go-errgroup", "go-conc"} {
		add("grain", name, func(a *args) { grain(a, groups[name]) })
	}
}

func grain(a *args, run group) {
	loops := a.loops()
	start := time.Now()
	results := make([]uint64, a.n)
	mustBeOk(run(a.threads, a.n, func(i int) error {
		results[i] = work(uint64(i+1), loops)
		return nil
	}))
	checkWork(results, loops)
	ideal := 1e-6 * float64(a.n) * a.bodyUs / float64(a.threads)
	report("x_ideal", time.Since(start).Seconds()/ideal)
}
