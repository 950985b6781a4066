// SPDX-License-Identifier: MIT

package main

import "golang.org/x/sync/errgroup"

// memory: by how much the peak of the resident set grows for n empty tasks and their results. go-errgroup: tasks run
// as soon as they can. go-errgroup-held: none runs until all are there, as in a group that is filled before it runs.
func init() {
	add("memory", "go-errgroup", func(a *args) { memory(a, false) })
	add("memory", "go-errgroup-held", func(a *args) { memory(a, true) })
}

// Warm-ups must not raise it before the round that counts.
var peakBefore float64

func memory(a *args, held bool) {
	if peakBefore == 0 {
		peakBefore = peakRssMb()
	}
	gate := make(chan struct{})
	if !held {
		close(gate)
	}
	results := make([]uint64, a.n)
	var g errgroup.Group
	for i := range a.n {
		g.Go(func() error {
			<-gate
			results[i] = uint64(i + 1)
			return nil
		})
	}
	if held {
		close(gate)
	}
	mustBeOk(g.Wait())
	checkResults(results)
	report("bytes_per_task", (peakRssMb()-peakBefore)*(1<<20)/float64(a.n))
}
