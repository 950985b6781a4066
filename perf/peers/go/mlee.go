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

// mlee: the mix of github.com/mlee-msl/taskgroup's own benchmark, with its random numbers replaced by the index,
// so that every contender and a twin in C do the same. There, 80 % of the tasks are required, 3 of 5 kinds of task
// fail, and each sleeps 0, 1, 2 or 3 ms; groups have 6 or 60 tasks. Task i, from 0:
//
//	sleeps    i % 4 milliseconds (not at all if that is 0), blocking its goroutine
//	result    i + 1, also if it fails
//	required  unless i % 5 == 4
//	fails     with fails=1, after its sleep, if (i + i/5 + 1) % 5 is 0, 2 or 4; with fails=0 never
//
// So with 6 tasks and fails=1 tasks 1, 3, 4, 5 fail; 4 is optional and fails at once, which must stop nothing;
// 1 and 5 are required and fail after 1 ms. Together the tasks sleep 7 and 90 ms.
//
// A required task that fails makes the group fail, and no other should then begin; an optional one's error is only
// kept. Checked: the group's error is that of a required task that fails; every task that ran left its result and its
// own error; without failures of required tasks all ran.
//
// The module itself cannot be had from the module proxy. go-workers does what its README describes, in plain Go:
// few workers, who take tasks from one channel and give outcomes to another. `limit` is how many; by default
// that module's rule, 2 × (processors + 1) and not more than tasks. A twin in C takes as many threads.
func init() {
	add("mlee", "go-errgroup", func(a *args) { mlee(a, mleeErrgroup) })
	add("mlee", "go-workers", func(a *args) { mlee(a, mleeWorkers) })
}

var errMlee = errors.New("the task fails")

type mleeError struct{ index int }

func (e *mleeError) Error() string { return errMlee.Error() }

type mleeOutcome struct {
	index  int
	result uint64
	err    error
}

func mleeRequired(i int) bool { return i%5 != 4 }
func mleeFails(i int) bool    { return (i+i/5+1)%5%2 == 0 }

func mleeTask(i int, fails bool) mleeOutcome {
	if i%4 > 0 {
		time.Sleep(time.Duration(i%4) * time.Millisecond)
	}
	outcome := mleeOutcome{index: i, result: uint64(i + 1)}
	if fails && mleeFails(i) {
		outcome.err = &mleeError{i}
	}
	return outcome
}

func mlee(a *args, run func(a *args) ([]mleeOutcome, error)) {
	times := make([]float64, a.groups)
	for g := range times {
		start := time.Now()
		outcomes, err := run(a)
		times[g] = us(time.Since(start)) / 1e3
		mleeCheck(a, outcomes, err)
	}
	report("ms_per_group", median(times))
}

func mleeCheck(a *args, outcomes []mleeOutcome, err error) {
	fails := a.fails != 0
	expected := false
	for i := range a.n {
		expected = expected || fails && mleeFails(i) && mleeRequired(i)
	}
	if (err != nil) != expected {
		wrong("the group's error is %v", err)
	}
	var first *mleeError
	if err != nil && (!errors.As(err, &first) || !mleeFails(first.index) || !mleeRequired(first.index)) {
		wrong("the group's error is %v, not that of a required task", err)
	}
	for i, o := range outcomes {
		if o.result == 0 && err != nil {
			continue // not begun
		}
		if o.result != uint64(i+1) || (o.err != nil) != (fails && mleeFails(i)) {
			wrong("outcome %d of %d is %d, %v", i, a.n, o.result, o.err)
		}
	}
}

// Its tasks are all required: an optional one keeps its error to itself.
func mleeErrgroup(a *args) ([]mleeOutcome, error) {
	outcomes := make([]mleeOutcome, a.n)
	g, ctx := errgroup.WithContext(context.Background())
	if a.limit > 0 {
		g.SetLimit(a.limit)
	}
	for i := range a.n {
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			outcomes[i] = mleeTask(i, a.fails != 0)
			if mleeRequired(i) {
				return outcomes[i].err
			}
			return nil
		})
	}
	return outcomes, g.Wait()
}

func mleeWorkers(a *args) ([]mleeOutcome, error) {
	workers := a.limit
	if workers == 0 {
		workers = 2 * (a.threads + 1)
	}
	tasks := make(chan int, a.n)
	gathered := make(chan mleeOutcome, a.n)
	var wait sync.WaitGroup
	var first firstError
	var stop atomic.Bool
	for range min(workers, a.n) {
		wait.Go(func() {
			for i := range tasks {
				if stop.Load() {
					return
				}
				outcome := mleeTask(i, a.fails != 0)
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
