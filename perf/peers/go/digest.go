// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"
)

// digest: the MD5 of all regular files below root=PATH, links not followed; the example of errgroup's documentation.
// `n` in the answer is the number of files, `check` the MD5 of the lines that md5sum prints, sorted by path:
// (cd PATH && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum | md5sum).
// Unlike the example it reads files piece by piece, as trees hold files that are larger than memory.
func init() {
	add("digest", "go-errgroup", func(a *args) { digest(a, digestErrgroup) })
	add("digest", "go-conc", func(a *args) { digest(a, digestConc) })
}

// digesters is how many read files at a time, in the example.
const digesters = 20

type fileSum struct {
	path string
	size int64
	sum  [md5.Size]byte
}

func digest(a *args, run func(root string) ([]fileSum, error)) {
	if a.root == "" {
		usageError("root, which must be a folder")
	}
	start := time.Now()
	sums, err := run(a.root)
	seconds := time.Since(start).Seconds()
	mustBeOk(err)

	slices.SortFunc(sums, func(x, y fileSum) int { return strings.Compare(x.path, y.path) })
	var lines bytes.Buffer
	var size int64
	for i, s := range sums {
		if i > 0 && sums[i-1].path == s.path {
			wrong("%s twice", s.path)
		}
		path, err := filepath.Rel(a.root, s.path)
		mustBeOk(err)
		fmt.Fprintf(&lines, "%x  ./%s\n", s.sum, path)
		size += s.size
	}
	a.n = len(sums)
	remark = fmt.Sprintf("%x", md5.Sum(lines.Bytes()))
	report("seconds", seconds)
	report("mb_per_s", float64(size)/1e6/seconds)
}

func walk(root string, file func(path string) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		return file(path)
	})
}

func sumFile(path string, buffer []byte) (fileSum, error) {
	file, err := os.Open(path)
	if err != nil {
		return fileSum{}, err
	}
	defer file.Close()
	hash := md5.New()
	result := fileSum{path: path}
	for {
		count, err := file.Read(buffer)
		hash.Write(buffer[:count])
		result.size += int64(count)
		if err == io.EOF {
			hash.Sum(result.sum[:0])
			return result, nil
		}
		if err != nil {
			return fileSum{}, err
		}
	}
}

const bufferSize = 64 << 10

// One goroutine walks, digesters read what it finds, the caller gathers.
func digestErrgroup(root string) ([]fileSum, error) {
	g, ctx := errgroup.WithContext(context.Background())
	paths := make(chan string)
	gathered := make(chan fileSum)
	g.Go(func() error {
		defer close(paths)
		return walk(root, func(path string) error {
			select {
			case paths <- path:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	for range digesters {
		g.Go(func() error {
			buffer := make([]byte, bufferSize)
			for path := range paths {
				sum, err := sumFile(path, buffer)
				if err != nil {
					return err
				}
				select {
				case gathered <- sum:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	go func() {
		g.Wait() // again below, for its error
		close(gathered)
	}()
	var sums []fileSum
	for sum := range gathered {
		sums = append(sums, sum)
	}
	return sums, g.Wait()
}

// Tasks of one file each borrow a buffer.
var buffers = sync.Pool{New: func() any {
	buffer := make([]byte, bufferSize)
	return &buffer
}}

// A task for each file, whose result the pool gathers.
func digestConc(root string) ([]fileSum, error) {
	p := pool.NewWithResults[fileSum]().WithMaxGoroutines(digesters).WithErrors().WithFirstError()
	err := walk(root, func(path string) error {
		p.Go(func() (fileSum, error) {
			buffer := buffers.Get().(*[]byte)
			defer buffers.Put(buffer)
			return sumFile(path, *buffer)
		})
		return nil
	})
	sums, failed := p.Wait()
	if err == nil {
		err = failed
	}
	return sums, err
}
