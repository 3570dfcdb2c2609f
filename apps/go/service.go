// A small REST service: notes in memory, goroutines that talk over channels, and garbage for the collector.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	lock  sync.RWMutex
	notes = map[string]json.RawMessage{}
)

func reply(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Print(err)
	}
}

// number is the last part of a path.
func number(r *http.Request) int {
	value, _ := strconv.Atoi(r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	return value
}

func note(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/notes/")
	lock.Lock()
	defer lock.Unlock()
	old, there := notes[name]
	switch {
	case r.Method == http.MethodPut:
		var value json.RawMessage
		if err := json.NewDecoder(r.Body).Decode(&value); err != nil {
			reply(w, http.StatusBadRequest, "not JSON")
			return
		}
		notes[name] = value
		status := http.StatusCreated
		if there {
			status = http.StatusOK
		}
		reply(w, status, value)
	case !there:
		reply(w, http.StatusNotFound, "no such thing")
	case r.Method == http.MethodDelete:
		delete(notes, name)
		w.WriteHeader(http.StatusNoContent)
	default:
		reply(w, http.StatusOK, old)
	}
}

// goroutines sums 0..n, a goroutine a number.
func goroutines(w http.ResponseWriter, r *http.Request) {
	n, sum := number(r), 0
	parts := make(chan int)
	for i := 0; i < n; i++ {
		go func(i int) { parts <- i }(i)
	}
	for i := 0; i < n; i++ {
		sum += <-parts
	}
	reply(w, http.StatusOK, map[string]int{"sum": sum})
}

// garbage makes n blocks of 4 KiB that nobody keeps, but every hundredth, and says whether the collector ran.
func garbage(w http.ResponseWriter, r *http.Request) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var kept [][]byte
	for i := 0; i < number(r); i++ {
		block := make([]byte, 4096)
		block[i%4096] = 1
		if i%100 == 0 {
			kept = append(kept, block)
		}
	}
	sum := 0
	for _, block := range kept {
		for _, b := range block {
			sum += int(b)
		}
	}
	runtime.ReadMemStats(&after)
	reply(w, http.StatusOK, map[string]any{"kept": sum, "collected": after.NumGC > before.NumGC})
}

func sleep(w http.ResponseWriter, r *http.Request) {
	want := time.Duration(number(r)) * time.Millisecond
	begin := time.Now()
	time.Sleep(want)
	reply(w, http.StatusOK, map[string]bool{"early": time.Since(begin) < want})
}

// Goroutines that compute without a call are stopped by a signal; others must have their turn beside them.
func busy(w http.ResponseWriter, r *http.Request) {
	end := time.Now().Add(time.Duration(number(r)) * time.Millisecond)
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for x := 1; time.Now().Before(end); x++ {
				for y := 0; y < 1_000_000; y++ {
					x ^= y
				}
			}
		}()
	}
	group.Wait()
	reply(w, http.StatusOK, "done")
}

func main() {
	http.HandleFunc("/hello", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]string{"hello": "world"})
	})
	http.HandleFunc("/notes/", note)
	http.HandleFunc("/goroutines/", goroutines)
	http.HandleFunc("/garbage/", garbage)
	http.HandleFunc("/sleep/", sleep)
	http.HandleFunc("/busy/", busy)
	log.Fatal(http.ListenAndServe(":8080", nil))
}
