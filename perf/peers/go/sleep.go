// SPDX-License-Identifier: MIT

package main

import (
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
)

// sleep: n tasks that write a byte and wait 10 ms, at most `limit` of them in flight.
func init() {
	add("sleep", "go-goroutines", func(a *args) { sleep(a, sleepGoroutines) })
	add("sleep", "go-errgroup", func(a *args) { sleep(a, sleepErrgroup) })
	add("sleep", "go-conc", func(a *args) { sleep(a, sleepConc) })
	add("sleep", "go-ants", func(a *args) { sleep(a, sleepAnts) })
}

func sleepByte(i int) byte { return byte(i%251 + 1) }

func sleep(a *args, run func(limit, n int, body func(int))) {
	start := time.Now()
	results := make([]byte, a.n)
	run(a.limit, a.n, func(i int) {
		results[i] = sleepByte(i)
		time.Sleep(10 * time.Millisecond)
	})
	passed := time.Since(start)
	for i, result := range results {
		if result != sleepByte(i) {
			wrong("result %d is %d", i, result)
		}
	}
	report("seconds", passed.Seconds())
}

func sleepGoroutines(limit, n int, body func(int)) {
	slots := make(chan struct{}, limit)
	var wait sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wait.Go(func() {
			body(i)
			<-slots
		})
	}
	wait.Wait()
}

func sleepErrgroup(limit, n int, body func(int)) {
	var g errgroup.Group
	g.SetLimit(limit)
	for i := range n {
		g.Go(func() error {
			body(i)
			return nil
		})
	}
	mustBeOk(g.Wait())
}

func sleepConc(limit, n int, body func(int)) {
	p := pool.New().WithMaxGoroutines(limit)
	for i := range n {
		p.Go(func() { body(i) })
	}
	p.Wait()
}

func sleepAnts(limit, n int, body func(int)) {
	p := newAntsPool(limit)
	defer p.Release()
	var wait sync.WaitGroup
	wait.Add(n)
	for i := range n {
		mustBeOk(p.Submit(func() {
			body(i)
			wait.Done()
		}))
	}
	wait.Wait()
}
