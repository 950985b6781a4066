// SPDX-License-Identifier: MIT

package main

import (
	"time"

	"github.com/sourcegraph/conc/iter"
)

// map: y = 3 x + 1 over n items. go-conc writes into a y that is there before, as in C; go-conc-map is handed a new
// one, which is what iter.Map is for.
func init() {
	add("map", "go-conc", func(a *args) {
		mapItems(a, func(x, y []uint64) []uint64 {
			iter.ForEachIdx(x, func(i int, item *uint64) { y[i] = 3**item + 1 })
			return y
		})
	})
	add("map", "go-conc-map", func(a *args) {
		mapItems(a, func(x, _ []uint64) []uint64 {
			return iter.Map(x, func(item *uint64) uint64 { return 3**item + 1 })
		})
	})
}

func mapItems(a *args, run func(x, y []uint64) []uint64) {
	x, y := make([]uint64, a.n), make([]uint64, a.n)
	for i := range x {
		x[i], y[i] = uint64(i), 7
	}
	start := time.Now()
	y = run(x, y)
	nsPerTask(time.Since(start), a.n)
	for i := range x {
		if y[i] != uint64(3*i+1) {
			wrong("result %d of %d is %d", i, a.n, y[i])
		}
	}
}
