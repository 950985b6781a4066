// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// fail: task 0 of n fails, the others do nothing. As in the twin in C, each task looks first whether it is still
// wanted; in -break the loop that adds them looks, too.
func init() {
	add("fail", "go-errgroup", func(a *args) { fail(a, false) })
	add("fail", "go-errgroup-break", func(a *args) { fail(a, true) })
}

var errFirst = errors.New("task 0 fails")

func fail(a *args, breaks bool) {
	var (
		failed time.Time
		seen   atomic.Bool
		late   atomic.Int64
	)
	g, ctx := errgroup.WithContext(context.Background())
	for i := range a.n {
		if breaks && ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if i == 0 {
				failed = time.Now()
				seen.Store(true)
				return errFirst
			}
			if seen.Load() {
				late.Add(1)
			}
			return nil
		})
	}
	err := g.Wait()
	passed := time.Since(failed)
	if !errors.Is(err, errFirst) {
		wrong("the group's error is %v", err)
	}
	report("us_after_failure", us(passed))
	report("tasks_after_failure", float64(late.Load()))
}
