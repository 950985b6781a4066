// SPDX-License-Identifier: MIT

// The Go side of the benchmarks: one binary with all contenders, which speaks as perf/common/bench.c does.
// One process is a warm-up and the repetition that counts of one contender, and prints one line of JSON.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// args is what the driver asks for, as name=value on the command line; the names are bench.c's.
type args struct {
	workload, impl string
	root           string  // digest: the tree
	bytes          int     // memory: of a result, which are 8 here
	n              int     // tasks, items
	groups         int     // how many groups one after another
	workers        int     // mlee's goroutines
	limit          int     // tasks in flight at most, or threads that submit; 0: no limit
	region         int     // of OpenMP: must be 0
	rounds         int     // warm-ups before the round that counts
	fails          int     // mlee: 1: some tasks fail
	cutoff         int     // of recursions: not used
	threads        int     // OMP_NUM_THREADS, here GOMAXPROCS
	bodyUs         float64 // how long a body works
	loopsPerUs     float64 // work()'s speed, as measured by the driver in C
}

// A program is one contender in one workload.
type program struct {
	Workload string `json:"workload"`
	Impl     string `json:"impl"`
	round    func(*args)
}

var programs []program

func add(workload, impl string, round func(*args)) {
	programs = append(programs, program{workload, impl, round})
}

type figure struct {
	metric string
	value  float64
}

var (
	figures []figure
	remark  string // digest: what the files add up to
)

// report keeps one figure of this round; that of an earlier round is forgotten.
func report(metric string, value float64) {
	for i := range figures {
		if figures[i].metric == metric {
			figures[i].value = value
			return
		}
	}
	figures = append(figures, figure{metric, value})
}

// wrong ends the process: a contender that is wrong has no figures.
func wrong(format string, values ...any) {
	text, _ := json.Marshal(fmt.Sprintf(format, values...))
	fmt.Printf("{\"wrong\":%s}\n", text)
	os.Exit(1)
}

func mustBeOk(err error) {
	if err != nil {
		wrong("%v", err)
	}
}

// checkResults wants i + 1 from task i.
func checkResults(results []uint64) {
	for i, result := range results {
		if result != uint64(i+1) {
			wrong("result %d of %d is %d", i, len(results), result)
		}
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func nsPerTask(passed time.Duration, n int) {
	report("ns_per_task", float64(passed.Nanoseconds())/float64(n))
}

func us(passed time.Duration) float64 { return float64(passed.Nanoseconds()) / 1e3 }

const (
	factor  = 6364136223846793005
	summand = 1442695040888963407
)

func (a *args) loops() uint64 { return uint64(a.bodyUs*a.loopsPerUs + 0.5) }

// work is bench_work(): the same chain of multiplications, each of which needs the one before. In C it also waits
// for the last body's end; here the locked instruction with which every contender ends a task sees to that.
//
//go:noinline
func work(seed, loops uint64) uint64 {
	for ; loops > 0; loops-- {
		seed = seed*factor + summand
	}
	return seed
}

// checkWork is bench_work_check(): what work() answers for seeds 1 to n, at a multiplication each.
func checkWork(results []uint64, loops uint64) {
	var times, plus, square, offset uint64 = 1, 0, factor, summand
	for ; loops > 0; loops /= 2 {
		if loops%2 == 1 {
			times *= square
			plus = plus*square + offset
		}
		offset *= square + 1
		square *= square
	}
	for i, result := range results {
		if result != uint64(i+1)*times+plus {
			wrong("result %d of %d is not what the body computes", i, len(results))
		}
	}
}

// peakRssMb looks where bench.c looks: getrusage() counts what the process was before its exec, too.
func peakRssMb() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		var kilobytes float64
		if count, _ := fmt.Sscanf(line, "VmHWM: %f", &kilobytes); count == 1 {
			return kilobytes / 1024
		}
	}
	return 0
}

func usageError(argument string) {
	fmt.Fprintf(os.Stderr, "cannot make sense of '%s'; see perf/peers/go/bench.go\n", argument)
	os.Exit(2)
}

func number(argument, text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0 && value <= 1e12) {
		usageError(argument)
	}
	return value
}

func (a *args) parse(argument string) {
	name, text, _ := strings.Cut(argument, "=")
	switch name {
	case "workload":
		a.workload = text
	case "impl":
		a.impl = text
	case "root":
		a.root = text
	case "body":
		a.bodyUs = number(argument, text)
	case "loops", "loops_per_us":
		a.loopsPerUs = number(argument, text)
	default:
		whole, known := map[string]*int{"n": &a.n, "groups": &a.groups, "limit": &a.limit, "region": &a.region,
			"rounds": &a.rounds, "fails": &a.fails, "cutoff": &a.cutoff, "workers": &a.workers, "bytes": &a.bytes}[name]
		if !known {
			usageError(argument)
		}
		*whole = int(number(argument, text))
	}
}

func find(a *args) (func(*args), error) {
	for _, p := range programs {
		if p.Workload == a.workload && p.Impl == a.impl {
			return p.round, nil
		}
	}
	return nil, errors.New("no " + a.impl + " in " + a.workload)
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "list" {
		list, _ := json.Marshal(programs)
		fmt.Println(string(list))
		return
	}
	a := args{groups: 1, rounds: 1}
	for _, argument := range os.Args[1:] {
		a.parse(argument)
	}
	round, err := find(&a)
	if err != nil {
		usageError(err.Error())
	}
	a.threads = int(number("OMP_NUM_THREADS", os.Getenv("OMP_NUM_THREADS")))
	if a.threads < 1 {
		usageError("OMP_NUM_THREADS, which must be a number")
	}
	runtime.GOMAXPROCS(a.threads)
	for i := 0; i <= a.rounds; i++ {
		round(&a)
	}
	report("peak_rss_mb", peakRssMb())
	fmt.Printf("{\"n\":%d", a.n)
	for _, f := range figures {
		fmt.Printf(",%q:%.6g", f.metric, f.value)
	}
	if remark != "" {
		fmt.Printf(",\"check\":%q", remark)
	}
	fmt.Println("}")
}
