// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// mlee: groups of 6 or 60 tasks that sleep, with the mix that perf/mlee/mlee.h describes. Task i, from 0:
//
//	sleeps    i*7919 % 3001 microseconds, blocking its goroutine
//	result    i + 1, also if it fails
//	required  unless i % 3 == 2
//	fails     with fails=1, after its sleep, if it is task n/2, a required one
//
// A required task that fails makes the group fail, and no other should then begin; an optional one's error is only
// kept. Checked: the group's error is that of a required task that fails; every task that ran left its result and its
// own error; without failures of required tasks all ran.
//
// go-errgroup has `workers` goroutines at a time, as mlee has; go-errgroup-all starts all at once, as its users may.
//
// The module itself cannot be had from the module proxy. go-workers does what its README describes, in plain Go:
// `workers` goroutines, who take tasks from one channel and give outcomes to another.
func init() {
	add("mlee", "go-errgroup", func(a *args) { mlee(a, func() ([]mleeOutcome, error) { return mleeErrgroup(a, a.workers) }) })
	add("mlee", "go-errgroup-all", func(a *args) { mlee(a, func() ([]mleeOutcome, error) { return mleeErrgroup(a, -1) }) })
	add("mlee", "go-workers", func(a *args) { mlee(a, func() ([]mleeOutcome, error) { return mleeWorkers(a) }) })
}

var errMlee = errors.New("the task fails")

type mleeError struct{ index int }

func (e *mleeError) Error() string { return errMlee.Error() }

type mleeOutcome struct {
	index  int
	result uint64
	err    error
}

func mleeRequired(i int) bool       { return i%3 != 2 }
func mleeFails(a *args, i int) bool { return a.fails != 0 && i == a.n/2 }

func mleeTask(a *args, i int) mleeOutcome {
	time.Sleep(time.Duration(i*7919%3001) * time.Microsecond)
	outcome := mleeOutcome{index: i, result: uint64(i + 1)}
	if mleeFails(a, i) {
		outcome.err = &mleeError{i}
	}
	return outcome
}

func mlee(a *args, run func() ([]mleeOutcome, error)) {
	times := make([]float64, a.groups)
	for g := range times {
		start := time.Now()
		outcomes, err := run()
		times[g] = us(time.Since(start)) / 1e3
		mleeCheck(a, outcomes, err)
	}
	report("ms_per_group", median(times))
}

func mleeCheck(a *args, outcomes []mleeOutcome, err error) {
	if (err != nil) != (a.fails != 0) {
		wrong("the group's error is %v", err)
	}
	var first *mleeError
	if err != nil && (!errors.As(err, &first) || !mleeFails(a, first.index) || !mleeRequired(first.index)) {
		wrong("the group's error is %v, not that of a required task", err)
	}
	for i, o := range outcomes {
		if o.result == 0 && err != nil {
			continue // not begun
		}
		if o.result != uint64(i+1) || (o.err != nil) != mleeFails(a, i) {
			wrong("outcome %d of %d is %d, %v", i, a.n, o.result, o.err)
		}
	}
}

// Its tasks are all required: an optional one keeps its error to itself.
func mleeErrgroup(a *args, atATime int) ([]mleeOutcome, error) {
	outcomes := make([]mleeOutcome, a.n)
	g, ctx := errgroup.WithContext(context.Background())
	g.SetLimit(atATime)
	for i := range a.n {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			outcomes[i] = mleeTask(a, i)
			if mleeRequired(i) {
				return outcomes[i].err
			}
			return nil
		})
	}
	return outcomes, g.Wait()
}

func mleeWorkers(a *args) ([]mleeOutcome, error) {
	tasks := make(chan int, a.n)
	gathered := make(chan mleeOutcome, a.n)
	var wait sync.WaitGroup
	var first firstError
	var stop atomic.Bool
	for range max(1, min(a.workers, a.n)) {
		wait.Go(func() {
			for i := range tasks {
				if stop.Load() {
					return
				}
				outcome := mleeTask(a, i)
				gathered <- outcome
				if outcome.err != nil && mleeRequired(i) {
					first.keep(outcome.err)
					stop.Store(true)
				}
			}
		})
	}
	for i := range a.n { // required ones first
		if mleeRequired(i) {
			tasks <- i
		}
	}
	for i := range a.n {
		if !mleeRequired(i) {
			tasks <- i
		}
	}
	close(tasks)
	go func() {
		wait.Wait()
		close(gathered)
	}()
	outcomes := make([]mleeOutcome, a.n)
	for outcome := range gathered {
		outcomes[outcome.index] = outcome
	}
	return outcomes, first.err
}
