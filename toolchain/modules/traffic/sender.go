package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"
)

// A sender sends the requests of one lane in one protocol.
type sender struct {
	plan      *plan
	lane      *lane
	protocol  string
	url       *url.URL
	urls      []*url.URL // of the plan's requests
	address   string
	transport *http.Transport
	pool      *pool
	stride    int64 // how many senders take turns
}

// newSenders gives a sender for each lane and protocol; they take turns.
func newSenders(p *plan) ([]*sender, error) {
	if p.Rate <= 0 || p.Timeout <= 0 || len(p.Lanes) == 0 || len(p.Requests) == 0 || len(p.Protocols) == 0 {
		return nil, fmt.Errorf("the plan needs lanes, protocols, requests, a rate and a timeout above 0")
	}
	roots, err := authorities(p.CAFile)
	if err != nil {
		return nil, err
	}
	var senders []*sender
	for _, protocol := range p.Protocols {
		for i := range p.Lanes {
			lane := &p.Lanes[i]
			if len(lane.Protocols) > 0 && !slices.Contains(lane.Protocols, protocol) {
				continue
			}
			target, err := url.Parse(lane.URL)
			if err != nil || target.Host == "" || (target.Scheme != "https" && target.Scheme != "http") {
				return nil, fmt.Errorf("%q is not an http or https address", lane.URL)
			}
			s := &sender{plan: p, lane: lane, protocol: protocol, url: target}
			s.address = address(target)
			for _, r := range p.Requests {
				to := target
				if r.Path != "" {
					if to, err = target.Parse(r.Path); err != nil || to.Host != target.Host {
						return nil, fmt.Errorf("%q is not a path", r.Path)
					}
				}
				s.urls = append(s.urls, to)
			}
			if s.transport, err = transport(protocol, p.Host, roots); err != nil {
				return nil, err
			}
			if err = s.present(lane); err != nil {
				return nil, err
			}
			if lane.KeepAlive {
				s.pool = &pool{size: poolSize[protocol]}
			}
			senders = append(senders, s)
		}
	}
	for _, s := range senders {
		s.stride = int64(len(senders))
	}
	return senders, nil
}

func address(target *url.URL) string {
	port := target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	return net.JoinHostPort(target.Hostname(), port)
}

func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil // the system's
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return roots, nil
}

// transport gives what dials and shakes hands; nothing of its connection pool, nor of its retries,
// is used.
func transport(protocol, host string, roots *x509.CertPool) (*http.Transport, error) {
	t := &http.Transport{
		DialContext: (&net.Dialer{}).DialContext,
		TLSClientConfig: &tls.Config{
			RootCAs:    roots,
			ServerName: host,
			// the post-quantum exchange that Go offers by default costs a fifth more a handshake
			CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256},
		},
		DisableCompression: true,
		Protocols:          new(http.Protocols),
	}
	switch protocol {
	case "h1":
		t.Protocols.SetHTTP1(true)
	case "h2":
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	default:
		return nil, fmt.Errorf("%q is neither h1 nor h2", protocol)
	}
	return t, nil
}

// present sets the name that a lane's server has, and the certificate that it wants to see.
func (s *sender) present(lane *lane) error {
	config := s.transport.TLSClientConfig
	if lane.ServerName != "" {
		config.ServerName = lane.ServerName
	}
	if lane.Certificate == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(lane.Certificate, lane.Certificate)
	if err != nil {
		return fmt.Errorf("%s: %w", lane.Certificate, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}

// send sends one request, once, and gives what became of it. The time-out counts from when it was
// due, and so does the duration; connecting is part of both.
func (s *sender) send(number int64, due time.Time) *sample {
	started := time.Now()
	result := &sample{
		Type:     "sample",
		ID:       fmt.Sprintf("%s-%d", s.plan.Run, number),
		Due:      instant(due),
		Started:  instant(due.Add(started.Sub(due))),
		Lane:     s.lane.Name,
		Protocol: s.protocol,
	}
	ctx, cancel := context.WithDeadline(context.Background(), due.Add(seconds(s.plan.Timeout)))
	defer cancel()
	request := s.request(ctx, number, result)
	err := s.exchange(request, result)
	result.Duration = span(time.Since(due))
	if good := s.wanted(number).Good; err == nil && len(good) > 0 {
		named := slices.Contains(good, result.Status)
		result.Good = &named
	}
	if err != nil {
		result.Status = 0 // of an answer that never was complete
		result.Error, result.Detail = failure(ctx, err), err.Error()
	}
	return result
}

// turn gives the index of the request whose turn it is.
func (s *sender) turn(number int64) int64 {
	return number / s.stride % int64(len(s.plan.Requests))
}

func (s *sender) wanted(number int64) *request {
	return &s.plan.Requests[s.turn(number)]
}

func (s *sender) request(ctx context.Context, number int64, result *sample) *http.Request {
	header := http.Header{
		"X-Demo-Request": {result.ID},
		"User-Agent":     {"multi-cluster-resiliency traffic"},
		"Accept":         {"*/*"},
	}
	index, wanted := s.turn(number), s.wanted(number)
	request := &http.Request{
		Method: wanted.Method,
		URL:    s.urls[index],
		Host:   s.plan.Host,
		Header: header,
	}
	if len(wanted.Body) > 0 {
		request.Body = io.NopCloser(bytes.NewReader(wanted.Body))
		request.ContentLength = int64(len(wanted.Body))
	}
	for name, value := range wanted.Headers {
		header.Set(name, value)
	}
	if wanted.Key {
		result.Key = result.ID
		header.Set("Idempotency-Key", result.Key)
	}
	result.Method = wanted.Method
	if wanted.Path != "" {
		result.Request = wanted.Method + " " + wanted.Path
	}
	return request.WithContext(ctx)
}

// exchange takes a connection, sends the request on it and reads the answer to its end.
func (s *sender) exchange(request *http.Request, result *sample) error {
	conn, err := s.connection(request.Context(), result)
	if err != nil {
		return err
	}
	if s.pool == nil {
		defer conn.Close()
	}
	response, err := conn.RoundTrip(request)
	if err == nil {
		result.Status = response.StatusCode
		result.Cluster = response.Header.Get("X-Served-By-Cluster")
		result.Pod = response.Header.Get("X-Served-By-Pod")
		result.RequestID = response.Header.Get("X-Request-Id")
		result.Attempts, _ = strconv.Atoi(response.Header.Get("X-Envoy-Attempt-Count"))
		if _, err = io.Copy(io.Discard, response.Body); err == nil {
			result.GRPC = grpcStatus(response)
		}
		response.Body.Close()
	}
	if err != nil && s.pool != nil {
		s.pool.leave(conn)
	}
	return err
}

// connection gives a connection with room for one request: a kept one, or one made now.
func (s *sender) connection(ctx context.Context, result *sample) (*http.ClientConn, error) {
	if s.pool != nil {
		if conn := s.pool.take(); conn != nil {
			result.Reused = true
			return conn, nil
		}
	}
	conn, err := s.transport.NewClientConn(ctx, s.url.Scheme, s.address)
	if err != nil {
		return nil, err
	}
	if err := conn.Reserve(); err != nil {
		conn.Close()
		return nil, err
	}
	if s.pool != nil {
		s.pool.add(conn)
	}
	return conn, nil
}
