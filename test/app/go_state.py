#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Go program: goroutines on several threads that the runtime preempts by signals, channels, a
collector that works meanwhile, maps, finalizers, deferred recovery from faults.

wl: needs root program:go
wl: areas memory threads signals
wl: timeout 300"""

import os

import cycles

# The runtime opens an epoll descriptor with its first timer. So the program sleeps by a system
# call, and collects at times of its own choice and gives all that is free back to the kernel at
# once (GOGC=off, FreeOSMemory), for else the runtime does so bit by bit, by a timer.
PROGRAM = r"""
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type node struct {
	left, right *node
	key, value  uint64
}

func (n *node) insert(key, value uint64) *node {
	if n == nil {
		return &node{key: key, value: value}
	}
	if key < n.key {
		n.left = n.left.insert(key, value)
	} else if key > n.key {
		n.right = n.right.insert(key, value)
	} else {
		n.value += value
	}
	return n
}

func (n *node) sum() uint64 {
	if n == nil {
		return 0
	}
	return n.left.sum()*31 + n.key ^ n.value + n.right.sum()
}

func fault(p *int) (text string) {
	defer func() { text = fmt.Sprint(recover()) }()
	return strconv.Itoa(*p)
}

func worker(number uint64, in, out chan uint64, done *sync.WaitGroup) {
	var tree *node
	defer done.Done()
	state := number
	for x := range in {
		for i := 0; i < 300; i++ {
			state = state*6364136223846793005 + x + 1442695040888963407
			tree = tree.insert(state>>40, state&0xff)
			if i%100 == 99 {
				tree = nil
			}
		}
		block := make([]byte, 20000+state%10000)
		for i := range block {
			block[i] = byte(state >> (i % 50))
		}
		sum := sha256.Sum256(block)
		out <- state ^ tree.sum() ^ uint64(sum[7])
	}
}

func main() {
	pause, _ := strconv.Atoi(os.Args[1])
	var done sync.WaitGroup
	var freed int64
	runtime.GOMAXPROCS(4)
	ins, outs := make([]chan uint64, 16), make([]chan uint64, 16)
	for n := range ins {
		ins[n], outs[n] = make(chan uint64), make(chan uint64, 1)
		done.Add(1)
		go worker(uint64(n), ins[n], outs[n], &done)
	}
	var spins int64
	stop := make(chan bool)
	go func() { // never calls: only a signal takes the processor from it
		for atomic.LoadInt64(&spins) >= 0 {
			for i := 0; i < 1000; i++ {
			}
			syscall.Nanosleep(&syscall.Timespec{Nsec: 1000000}, nil)
			atomic.AddInt64(&spins, 1)
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	seen := map[uint64]int{}
	begin := time.Now()
	for step := 0; step < 800; step++ {
		var x uint64
		for n, in := range ins {
			in <- uint64(step * n)
		}
		for _, out := range outs {
			x = x*31 + <-out
		}
		seen[x%1000] = step
		big := make([]uint64, 50000)
		runtime.SetFinalizer(&big[0], func(*uint64) { atomic.AddInt64(&freed, 1) })
		big[step] = x
		keys := make([]uint64, 0, len(seen))
		for key := range seen {
			keys = append(keys, key)
		}
		sort.Slice(keys, func(a, b int) bool { return keys[a] < keys[b] })
		if step%20 == 19 {
			debug.FreeOSMemory()
		}
		fmt.Println(step, x, len(keys), keys[len(keys)/2], fault(nil))
		syscall.Nanosleep(&syscall.Timespec{Nsec: int64(pause) * 1000}, nil)
	}
	for _, in := range ins {
		close(in)
	}
	done.Wait()
	stop <- true
	if time.Since(begin) < 0 || atomic.LoadInt64(&freed) == 0 {
		fmt.Println("the clock went back, or nothing was collected")
	}
}
"""


def main():
    cycles.begin()
    with open("program.go", "w", encoding="ascii") as f:
        f.write(PROGRAM)
    # The cache outlives the test where a person has one: Go builds its library only once.
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or
                         os.path.join(os.environ.get("HOME", "/root"), ".cache"), "crtools", "go")
    cycles.run(["go", "build", "-o", "program", "program.go"],
               env={**os.environ, "GOCACHE": cache, "GO111MODULE": "off", "GOFLAGS": ""})
    os.environ["GOGC"] = "off"
    cycles.same_log([os.path.abspath("program")], ["0"], ["3000"])


main()
