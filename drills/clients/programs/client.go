// Sends a steady flow by Go's http.Client, at its defaults but for the authority that it trusts.
// Plan, lines and end are as in python_clients.py.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

type plan struct {
	Run      string  `json:"run"`
	URL      string  `json:"url"`
	CA       string  `json:"ca"`
	Rate     float64 `json:"rate"`
	Patience float64 `json:"patience"`
}

type line struct {
	ID      string  `json:"id"`
	Due     float64 `json:"due"`
	Seconds float64 `json:"seconds"`
	Status  int     `json:"status"`
	Cluster string  `json:"cluster"`
	Error   string  `json:"error"`
}

var body = []byte(`{"from":"checking","to":"savings","amount":"25.00"}`)

func main() {
	var p plan
	check(json.Unmarshal([]byte(os.Args[1]), &p))
	pem, err := os.ReadFile(p.CA)
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	client := &http.Client{Transport: transport}

	over := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	underWay := map[string]time.Time{}
	tell := func(id string, l line) {
		mu.Lock()
		defer mu.Unlock()
		due, known := underWay[id]
		if !known {
			return
		}
		delete(underWay, id)
		l.ID, l.Due, l.Seconds = id, float64(due.UnixMicro())/1e6, time.Since(due).Seconds()
		out.Encode(l)
	}
	begin := time.Now()
	for number := 0; ; number++ {
		// counted from here, not from when a busy program gets round to it
		due := begin.Add(time.Duration(float64(number) / p.Rate * float64(time.Second)))
		select {
		case <-over:
			end := time.Now().Add(time.Duration(p.Patience * float64(time.Second)))
			for time.Now().Before(end) {
				mu.Lock()
				left := len(underWay)
				mu.Unlock()
				if left == 0 {
					break
				}
				time.Sleep(50 * time.Millisecond)
			}
			mu.Lock()
			var late []string
			for id := range underWay {
				late = append(late, id)
			}
			mu.Unlock()
			for _, id := range late {
				tell(id, line{Error: "no answer until the end"})
			}
			return
		case <-time.After(time.Until(due)):
		}
		id := fmt.Sprintf("%s-%d", p.Run, number)
		mu.Lock()
		underWay[id] = due
		mu.Unlock()
		go func() { tell(id, ask(client, p.URL, number, id)) }()
	}
}

func ask(client *http.Client, url string, number int, id string) line {
	request, err := http.NewRequest("GET", url, nil)
	if number%2 == 1 {
		request, err = http.NewRequest("POST", url, bytes.NewReader(body))
	}
	check(err)
	request.Header.Set("X-Demo-Request", id)
	if number%2 == 1 {
		request.Header.Set("Idempotency-Key", id)
		request.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(request)
	if err != nil {
		return line{Error: err.Error()}
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return line{Error: err.Error()}
	}
	return line{Status: answer.StatusCode, Cluster: answer.Header.Get("X-Served-By-Cluster")}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
