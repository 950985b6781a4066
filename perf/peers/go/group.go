// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"sync"

	"github.com/alitto/pond/v2"
	kratos "github.com/go-kratos/kratos/pkg/sync/errgroup"
	"github.com/go-pkgz/syncs"
	neilotoole "github.com/neilotoole/errgroup"
	"github.com/panjf2000/ants/v2"
	"github.com/sourcegraph/conc/pool"
	"github.com/vardius/gollback"
	"golang.org/x/sync/errgroup"
)

// A group runs body(0) to body(n - 1) and answers the first error. Each is written as its library's
// documentation shows it; spawn, small and grain share them, at one more indirect call a task.
type group func(threads, n int, body func(i int) error) error

// empty runs n tasks that only say which they are, and checks every result: what spawn and small time.
func (run group) empty(a *args) {
	results := make([]uint64, a.n)
	mustBeOk(run(a.threads, a.n, func(i int) error {
		results[i] = uint64(i + 1)
		return nil
	}))
	checkResults(results)
}

var groups = map[string]group{
	"go-goroutines": goroutines,
	"go-errgroup":   errGroup,
	"go-conc":       concGroup,
	"go-ants":       antsGroup,
	"go-ants-many":  antsManyGroup,
	"go-pond":       pondGroup,
	"go-gollback":   gollbackGroup,
	"go-neilotoole": neilotooleGroup,
	"go-syncs":      syncsGroup,
	"go-kratos":     kratosGroup,
}

// groupNames is in the order of the table, as a map has none.
var groupNames = []string{"go-goroutines", "go-errgroup", "go-conc", "go-ants", "go-ants-many", "go-pond",
	"go-gollback", "go-neilotoole", "go-syncs", "go-kratos"}

// firstError is for libraries whose tasks return none.
type firstError struct {
	once sync.Once
	err  error
}

func (f *firstError) keep(err error) {
	if err != nil {
		f.once.Do(func() { f.err = err })
	}
}

func goroutines(_, n int, body func(int) error) error {
	var wait sync.WaitGroup
	var first firstError
	for i := range n {
		wait.Go(func() { first.keep(body(i)) })
	}
	wait.Wait()
	return first.err
}

func errGroup(_, n int, body func(int) error) error {
	var g errgroup.Group
	for i := range n {
		g.Go(func() error { return body(i) })
	}
	return g.Wait()
}

// conc's pools are made for one use and limited.
func concGroup(threads, n int, body func(int) error) error {
	p := pool.New().WithErrors().WithFirstError().WithMaxGoroutines(threads)
	for i := range n {
		p.Go(func() error { return body(i) })
	}
	return p.Wait()
}

// The pools of ants and pond live as long as the program, as they are meant to. ants' README has a pool of 10 000:
// that is faster where groups are small, as nobody who submits waits, and slower for a million tasks.
const antsMany = 10000

var antsPool *ants.Pool

func antsGroup(workers, n int, body func(int) error) error {
	if antsPool == nil {
		antsPool = newAntsPool(workers)
	}
	var wait sync.WaitGroup
	var first firstError
	wait.Add(n)
	for i := range n {
		mustBeOk(antsPool.Submit(func() {
			defer wait.Done()
			first.keep(body(i))
		}))
	}
	wait.Wait()
	return first.err
}

func antsManyGroup(_, n int, body func(int) error) error { return antsGroup(antsMany, n, body) }

func newAntsPool(workers int) *ants.Pool {
	p, err := ants.NewPool(workers)
	mustBeOk(err)
	return p
}

var pondPool pond.Pool

func pondGroup(threads, n int, body func(int) error) error {
	if pondPool == nil {
		pondPool = pond.NewPool(threads)
	}
	g := pondPool.NewGroup()
	for i := range n {
		g.SubmitErr(func() error { return body(i) })
	}
	return g.Wait()
}

// gollback takes all functions at once, and answers all errors.
func gollbackGroup(_, n int, body func(int) error) error {
	functions := make([]gollback.AsyncFunc, n)
	for i := range functions {
		functions[i] = func(context.Context) (any, error) { return nil, body(i) }
	}
	_, errs := gollback.All(context.Background(), functions...)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Its defaults are the number of processors for both.
func neilotooleGroup(threads, n int, body func(int) error) error {
	g, _ := neilotoole.WithContextN(context.Background(), threads, threads)
	for i := range n {
		g.Go(func() error { return body(i) })
	}
	return g.Wait()
}

func syncsGroup(threads, n int, body func(int) error) error {
	g := syncs.NewErrSizedGroup(threads, syncs.Preemptive)
	for i := range n {
		g.Go(func() error { return body(i) })
	}
	return g.Wait()
}

func kratosGroup(threads, n int, body func(int) error) error {
	g := kratos.WithCancel(context.Background())
	g.GOMAXPROCS(threads)
	for i := range n {
		g.Go(func(context.Context) error { return body(i) })
	}
	return g.Wait()
}
