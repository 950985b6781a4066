// SPDX-License-Identifier: MIT

package main

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alitto/pond/v2"
	"github.com/sourcegraph/conc/pool"
)

// pool: `limit` goroutines (1 or 4) submit n empty tasks, until all have run and the pool is closed. -trip: one task
// there and back. -idle: what a pool costs that has nothing to do, for n ms.
func init() {
	for _, p := range []struct {
		name string
		open func(threads int) workers
	}{{"go-ants", newAnts}, {"go-conc", newConc}, {"go-pond", newPond}} {
		add("pool", p.name, func(a *args) { poolSubmit(a, p.open(a.threads)) })
		add("pool", p.name+"-trip", func(a *args) { poolTrip(a, p.open(a.threads)) })
		add("pool", p.name+"-idle", func(a *args) { poolIdle(a, p.open(a.threads)) })
	}
}

// workers is a pool: close waits for what has been submitted, trip for one task.
type workers struct {
	submit func(task func())
	trip   func(task func())
	close  func()
}

// tripBySignal is for pools whose tasks have no handle.
func tripBySignal(submit func(func())) func(func()) {
	done := make(chan struct{}, 1)
	return func(task func()) {
		submit(func() {
			task()
			done <- struct{}{}
		})
		<-done
	}
}

// ants can wait for its workers but not for its tasks, so these are counted.
func newAnts(threads int) workers {
	p := newAntsPool(threads)
	var tasks sync.WaitGroup
	submit := func(task func()) {
		tasks.Add(1)
		mustBeOk(p.Submit(func() {
			task()
			tasks.Done()
		}))
	}
	return workers{submit, tripBySignal(submit), func() {
		tasks.Wait()
		p.Release()
	}}
}

func newConc(threads int) workers {
	p := pool.New().WithMaxGoroutines(threads)
	return workers{p.Go, tripBySignal(p.Go), p.Wait}
}

func newPond(threads int) workers {
	p := pond.NewPool(threads)
	return workers{
		submit: func(task func()) { mustBeOk(p.Go(task)) },
		trip:   func(task func()) { mustBeOk(p.Submit(task).Wait()) },
		close:  p.StopAndWait,
	}
}

func poolSubmit(a *args, w workers) {
	var ran atomic.Int64
	parts := max(a.limit, 1)
	each := a.n / parts
	start := time.Now()
	var submitters sync.WaitGroup
	for range parts {
		submitters.Go(func() {
			for range each {
				w.submit(func() { ran.Add(1) })
			}
		})
	}
	submitters.Wait()
	w.close()
	nsPerTask(time.Since(start), each*parts)
	if ran.Load() != int64(each*parts) {
		wrong("%d of %d ran", ran.Load(), each*parts)
	}
}

func poolTrip(a *args, w workers) {
	var ran atomic.Int64
	trips := make([]float64, a.n)
	for i := range trips {
		start := time.Now()
		w.trip(func() { ran.Add(1) })
		trips[i] = us(time.Since(start))
	}
	w.close()
	report("us_per_trip", median(trips))
	if ran.Load() != int64(a.n) {
		wrong("%d of %d ran", ran.Load(), a.n)
	}
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	mustBeOk(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func poolIdle(a *args, w workers) {
	rest := time.Duration(a.n) * time.Millisecond
	w.trip(func() {})
	time.Sleep(500 * time.Millisecond)
	before := processorTime()
	time.Sleep(rest)
	used := processorTime() - before
	w.close()
	report("cpu_ms_per_s", 1e3*used.Seconds()/rest.Seconds())
}
