package main

import (
	"net/http"
	"sync"
)

// poolSize says how many connections a lane keeps, so that it has some to each pod of the edge.
var poolSize = map[string]int{"h1": 8, "h2": 4}

// A pool holds the kept-alive connections of one lane and protocol, and uses them in turn. Kept
// connections are there to find out whether they survive: none is closed for being old or idle.
type pool struct {
	mu    sync.Mutex
	size  int
	conns []*http.ClientConn
	next  int
}

// take gives a connection with a place reserved for one request, or nil when one is to be made:
// because the pool is not full yet, or because all are busy.
func (p *pool) take() *http.ClientConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = keep(p.conns)
	if len(p.conns) < p.size {
		return nil
	}
	for range p.conns {
		p.next = (p.next + 1) % len(p.conns)
		if conn := p.conns[p.next]; conn.Reserve() == nil {
			return conn
		}
	}
	return nil
}

// add takes a new connection, on which a request is under way, into the pool.
func (p *pool) add(conn *http.ClientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conn)
}

// leave drops a connection on which a request failed: no further request goes there. Requests
// under way on it go on.
func (p *pool) leave(conn *http.ClientConn) {
	p.mu.Lock()
	for i, known := range p.conns {
		if known == conn {
			p.conns = append(p.conns[:i], p.conns[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	closeWhenIdle := func(c *http.ClientConn) {
		if c.InFlight() == 0 {
			c.Close()
		}
	}
	conn.SetStateHook(closeWhenIdle)
	closeWhenIdle(conn)
}

// keep gives the connections that can be used now or later. One that the server closed, or is
// about to (GOAWAY, Connection: close), is neither busy nor available.
func keep(conns []*http.ClientConn) []*http.ClientConn {
	kept := conns[:0]
	for _, conn := range conns {
		if conn.Err() != nil {
			continue
		}
		if conn.Available() == 0 && conn.InFlight() == 0 {
			conn.Close()
			continue
		}
		kept = append(kept, conn)
	}
	clear(conns[len(kept):])
	return kept
}
