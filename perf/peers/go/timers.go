// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mdlayher/schedgroup"
)

// timers: n tasks that are due at some time, added in no order. -add: adding them, an hour ahead. -fire: all are due
// within a millisecond or so, once they have been added; from then until all have run. -cancel: taking each back,
// which schedgroup cannot do. -late: a millisecond apart; how late their functions begin.
//
// In C firing is timed from the start of the run; these here start by themselves, so they are due a bit later.
func init() {
	add("timers", "go-schedgroup-add", schedgroupAdd)
	add("timers", "go-schedgroup-fire", func(a *args) { timersFire(a, schedgroupTimers) })
	add("timers", "go-schedgroup-late", func(a *args) { timersLate(a, schedgroupTimers) })
	add("timers", "go-afterfunc-add", afterFuncAdd)
	add("timers", "go-afterfunc-fire", func(a *args) { timersFire(a, afterFuncTimers) })
	add("timers", "go-afterfunc-cancel", afterFuncCancel)
	add("timers", "go-afterfunc-late", func(a *args) { timersLate(a, afterFuncTimers) })
}

// shuffled goes through 0 to n - 1 in no order, as in C.
func shuffled(i, n int) int { return int(uint64(i) * 2654435761 % uint64(n)) }

func anHourAhead(i, n int) time.Duration {
	return time.Hour + time.Duration(float64(shuffled(i, n))/float64(n)*float64(time.Second))
}

func nothing() {}

func schedgroupAdd(a *args) {
	ctx, cancel := context.WithCancel(context.Background())
	g := schedgroup.New(ctx)
	start := time.Now()
	for i := range a.n {
		g.Schedule(start.Add(anHourAhead(i, a.n)), nothing)
	}
	nsPerTask(time.Since(start), a.n)
	cancel()
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		wrong("the group was not cancelled: %v", err)
	}
}

func addAfterFuncs(n int) []*time.Timer {
	timers := make([]*time.Timer, n)
	for i := range timers {
		timers[i] = time.AfterFunc(anHourAhead(i, n), nothing)
	}
	return timers
}

func stopAll(timers []*time.Timer) {
	for i, timer := range timers {
		if !timer.Stop() {
			wrong("timer %d was not there", i)
		}
	}
}

func afterFuncAdd(a *args) {
	start := time.Now()
	timers := addAfterFuncs(a.n)
	nsPerTask(time.Since(start), a.n)
	stopAll(timers)
}

func afterFuncCancel(a *args) {
	timers := addAfterFuncs(a.n)
	start := time.Now()
	stopAll(timers)
	nsPerTask(time.Since(start), a.n)
}

// timers is what can start functions later: wait returns when all have run.
type timers struct {
	schedule func(when time.Time, run func())
	wait     func()
}

func schedgroupTimers(int) timers {
	g := schedgroup.New(context.Background())
	return timers{g.Schedule, func() { mustBeOk(g.Wait()) }}
}

func afterFuncTimers(n int) timers {
	var left sync.WaitGroup
	left.Add(n)
	return timers{func(when time.Time, run func()) {
		time.AfterFunc(time.Until(when), func() {
			run()
			left.Done()
		})
	}, left.Wait}
}

// timersFire gives adding twice the time whenever it did not suffice.
func timersFire(a *args, open func(n int) timers) {
	for lead := 50*time.Millisecond + time.Duration(a.n)*3*time.Microsecond; ; lead *= 2 {
		t := open(a.n)
		ran := make([]bool, a.n)
		due := time.Now().Add(lead)
		for i := range a.n {
			t.schedule(due.Add(time.Duration(shuffled(i, a.n))), func() { ran[i] = true })
		}
		inTime := time.Now().Before(due)
		t.wait()
		passed := time.Since(due)
		for i := range ran {
			if !ran[i] {
				wrong("task %d of %d did not run", i, a.n)
			}
		}
		if inTime {
			nsPerTask(passed, a.n)
			return
		}
	}
}

func timersLate(a *args, open func(n int) timers) {
	t := open(a.n)
	late := make([]float64, a.n)
	for i := range late {
		due := time.Now().Add(10*time.Millisecond + time.Duration(i)*time.Millisecond)
		t.schedule(due, func() { late[i] = us(time.Since(due)) })
	}
	t.wait()
	for i := range late {
		if late[i] < 0 {
			wrong("task %d was started %g us too early", i, -late[i])
		}
	}
	report("lateness_us_p50", median(late)) // sorts
	report("lateness_us_p99", late[len(late)*99/100])
}
