package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A streamEntry has the fields of drills.traffic.model.StreamEntry.
type streamEntry struct {
	Type    string  `json:"type"`
	At      instant `json:"at"`
	Stream  string  `json:"stream"`
	Kind    string  `json:"kind"`
	Step    string  `json:"step"`
	Number  int64   `json:"number,omitempty"`
	Cluster string  `json:"cluster,omitempty"`
	Detail  string  `json:"detail,omitempty"`
}

// A stream is kept open by a client that opens it again when it ends, from the message after the
// last one that came.
type stream struct {
	name, kind string
	plan       *plan
	target     *url.URL
	transport  *http.Transport
	start      time.Time
	entries    chan<- any
	last       int64 // number of the highest message that came
	opened     bool  // whether the answer of this try has begun
	// carry opens the stream and reads it to its end; nil is an end in good order
	carry func(*stream, context.Context) error
}

var errStatus = errors.New("not the status of a stream")

// The time between the end of a stream and the next try: what the portal asks for in `retry:`, and
// double that each time it is refused, up to a second.
const again, longest = 100 * time.Millisecond, time.Second

// newStreams gives the plan's streams of each kind, to the portal below the first lane's address.
func newStreams(p *plan, entries chan<- any) ([]*stream, error) {
	if p.Streams == 0 {
		return nil, nil
	}
	roots, err := authorities(p.CAFile)
	if err != nil {
		return nil, err
	}
	base, err := url.Parse(p.Lanes[0].URL)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	var made []*stream
	add := func(name, kind, protocol, path string, number int, carry func(*stream, context.Context) error) error {
		t, err := transport(protocol, p.Host, roots)
		made = append(made, &stream{
			name: fmt.Sprintf("%s-%d", name, number), kind: kind, plan: p, transport: t,
			target: base.JoinPath(path), start: start, entries: entries, carry: carry,
		})
		return err
	}
	for number := 1; number <= p.Streams; number++ {
		protocol := p.Protocols[number%len(p.Protocols)]
		if err := add("events", "server-sent events", protocol, "api/events", number, (*stream).events); err != nil {
			return nil, err
		}
		if err := add("socket", "WebSocket", "h1", "api/socket", number, (*stream).socket); err != nil {
			return nil, err
		}
		if err := add("call", "gRPC, two-way", "h2", "api/echo", number, (*stream).echo); err != nil {
			return nil, err
		}
		if err := add("numbers", "gRPC, one-way", "h2", "api/numbers", number, (*stream).numbers); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// keepStreams keeps them open until stop is closed.
func keepStreams(streams []*stream, stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-stop
		cancel()
	}()
	var all sync.WaitGroup
	for _, s := range streams {
		all.Go(func() { s.keep(ctx) })
	}
	all.Wait()
}

func (s *stream) keep(ctx context.Context) {
	pause := again
	for ctx.Err() == nil {
		s.opened = false
		err := s.carry(s, ctx)
		if ctx.Err() != nil {
			return
		}
		switch {
		case s.opened && err == nil:
			s.note("ended", 0, "", "")
		case s.opened:
			s.note("cut", 0, "", err.Error())
		default:
			s.note("refused", 0, "", err.Error())
		}
		if s.opened {
			pause = again
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, longest)
	}
}

func (s *stream) note(step string, number int64, cluster, detail string) {
	at := instant(s.start.Add(time.Since(s.start)))
	s.entries <- &streamEntry{"streamentry", at, s.name, s.kind, step, number, cluster, detail}
}

func (s *stream) began(header http.Header) {
	s.opened = true
	s.note("opened", 0, header.Get("X-Served-By-Cluster"), "")
}

func (s *stream) came(number int64) {
	s.last = max(s.last, number)
	s.note("message", number, "", "")
}

// firstByte gives a context that ends unless done is called within the plan's time-out.
func (s *stream) firstByte(ctx context.Context) (context.Context, func(), context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(seconds(s.plan.Timeout), cancel)
	return ctx, func() { timer.Stop() }, cancel
}

// events reads server-sent events, as the EventSource of a browser does: the id of the last one is
// sent when the stream is opened again.
func (s *stream) events(ctx context.Context) error {
	ctx, inTime, cancel := s.firstByte(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "GET", s.target.String(), nil)
	if err != nil {
		return err
	}
	request.Host = s.plan.Host
	request.Header.Set("Accept", "text/event-stream")
	if s.last > 0 {
		request.Header.Set("Last-Event-ID", strconv.FormatInt(s.last, 10))
	}
	conn, err := s.transport.NewClientConn(ctx, s.target.Scheme, s.address())
	if err != nil {
		return err
	}
	defer conn.Close()
	response, err := conn.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	inTime()
	if response.StatusCode != 200 {
		return fmt.Errorf("%w: %d", errStatus, response.StatusCode)
	}
	s.began(response.Header)
	var id int64
	lines := bufio.NewReader(response.Body)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch {
		case field == "id":
			if id, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
				return err
			}
		case field == "" && value == "" && id > 0: // the blank line after an event, unlike a comment
			if !strings.HasPrefix(line, ":") {
				s.came(id)
				id = 0
			}
		}
	}
}

func (s *stream) address() string {
	return address(s.target)
}
