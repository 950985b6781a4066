// SPDX-License-Identifier: MIT

package main

import (
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// limit: n tasks, at most `limit` of them in flight, which the bodies count. Without a body: what a limit costs
// that is never reached, or none at all.
func init() { add("limit", "go-errgroup", limit) }

func limit(a *args) {
	loops := a.loops()
	var now, most atomic.Int64
	body := func(i int) uint64 {
		if loops == 0 {
			return uint64(i + 1)
		}
		here := now.Add(1)
		for seen := most.Load(); here > seen && !most.CompareAndSwap(seen, here); {
			seen = most.Load()
		}
		answer := work(uint64(i+1), loops)
		now.Add(-1)
		return answer
	}

	start := time.Now()
	results := make([]uint64, a.n)
	var g errgroup.Group
	if a.limit > 0 {
		g.SetLimit(a.limit)
	}
	for i := range a.n {
		g.Go(func() error {
			results[i] = body(i)
			return nil
		})
	}
	mustBeOk(g.Wait())
	passed := time.Since(start)

	checkWork(results, loops)
	if a.limit > 0 && most.Load() > int64(a.limit) {
		wrong("%d tasks in flight, the limit is %d", most.Load(), a.limit)
	}
	if loops == 0 {
		nsPerTask(passed, a.n)
		return
	}
	lanes := a.threads
	if a.limit > 0 && a.limit < lanes {
		lanes = a.limit
	}
	report("x_ideal", passed.Seconds()/(1e-6*float64(a.n)*a.bodyUs/float64(lanes)))
}
