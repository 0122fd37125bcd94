// Sends requests at a constant rate, whatever becomes of them, each one once, and writes what
// became of each as a line of JSON. The plan is the first line of the standard input; a later line
// {"rate": 40} has requests sent at another rate from then on. When the input ends, whoever started this wants no more: what is under way is awaited, nothing new sent.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// plan has the fields of drills.traffic.model.Plan, times in seconds.
type plan struct {
	Run       string    `json:"run"`
	Lanes     []lane    `json:"lanes"`
	Rate      float64   `json:"rate"`
	Duration  *float64  `json:"duration"`
	Timeout   float64   `json:"timeout"`
	Host      string    `json:"host"`
	CAFile    string    `json:"ca_file"`
	Protocols []string  `json:"protocols"`
	Requests  []request `json:"requests"`
	Streams   int       `json:"streams"`
}

// request has the fields of drills.traffic.model.Request.
type request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"`
	Key     bool              `json:"key"`
	Good    []int             `json:"good"`
}

type lane struct {
	Name      string `json:"name"`
	URL       string `json:"url"`
	KeepAlive bool   `json:"keep_alive"`
	// the name in the server's certificate, if it differs from the plan's host
	ServerName string `json:"server_name"`
	// PEM of a certificate to show, and of its key
	Certificate string `json:"certificate"`
	// those of the plan's that it has; empty: all
	Protocols []string `json:"protocols"`
}

func main() {
	// little is kept between requests, so the memory to collect in grows by megabytes only
	debug.SetGCPercent(400)
	comeFirst()
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	input := bufio.NewReader(in)
	line, err := input.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no plan on the standard input: %w", err)
	}
	var p plan
	if err := json.Unmarshal(line, &p); err != nil {
		return fmt.Errorf("the plan is not understood: %w", err)
	}
	senders, err := newSenders(&p)
	if err != nil {
		return err
	}
	stop := make(chan struct{})
	var once sync.Once
	end := func() { once.Do(func() { close(stop) }) }
	rates := make(chan float64)
	go func() {
		listen(input, rates, stop)
		end()
	}()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		end()
	}()

	samples := make(chan any, 1<<16)
	streams, err := newStreams(&p, samples)
	if err != nil {
		return err
	}
	written := make(chan error, 1)
	go func() {
		err := write(out, samples)
		if err != nil {
			end() // nobody reads any more
			for range samples {
			}
		}
		written <- err
	}()
	var open, underWay sync.WaitGroup
	requestsOver := make(chan struct{})
	open.Go(func() { keepStreams(streams, requestsOver) })
	schedule(&p, stop, rates, func(number int64, due time.Time) {
		underWay.Add(1)
		go func() {
			defer underWay.Done()
			samples <- senders[number%int64(len(senders))].send(number, due)
		}()
	})
	close(requestsOver)
	open.Wait()
	underWay.Wait()
	close(samples)
	return <-written
}

// listen passes on the rates that the input asks for, until it ends.
func listen(input *bufio.Reader, rates chan<- float64, stop <-chan struct{}) {
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var change struct {
			Rate float64 `json:"rate"`
		}
		if json.Unmarshal(line, &change) != nil || change.Rate <= 0 {
			continue
		}
		select {
		case rates <- change.Rate:
		case <-stop:
			return
		}
	}
}

// schedule calls begin for each request when it is due, until the plan's duration is over.
func schedule(p *plan, stop <-chan struct{}, rates <-chan float64, begin func(number int64, due time.Time)) {
	start := time.Now().Add(20 * time.Millisecond)
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	// the request at which the present rate began, and when that was due
	first, since, rate := int64(0), start, p.Rate
	for number := int64(0); ; {
		due := since.Add(time.Duration(float64(number-first) / rate * float64(time.Second)))
		if p.Duration != nil && due.Sub(start) >= seconds(*p.Duration) {
			return
		}
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Reset(0)
		}
		select {
		case <-stop:
			return
		case rate = <-rates:
			first, since = number, time.Now()
			continue
		case <-timer.C:
		}
		select {
		case <-stop: // both may have been there
			return
		default:
		}
		begin(number, due)
		number++
	}
}

// comeFirst asks for a higher priority for all threads (later ones inherit it): on a machine that
// the servers keep busy, what is to be late are answers, not requests. Only root gets it; without
// it the record says how late requests were.
func comeFirst() {
	threads, _ := filepath.Glob("/proc/self/task/*")
	for _, thread := range threads {
		if id, err := strconv.Atoi(filepath.Base(thread)); err == nil {
			syscall.Setpriority(syscall.PRIO_PROCESS, id, -10)
		}
	}
	// Where the kernel groups processes by session, priorities count within a session only.
	os.WriteFile("/proc/self/autogroup", []byte("-10"), 0o644)
}

func seconds(value float64) time.Duration {
	return time.Duration(value * float64(time.Second))
}
