package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// RFC 6455: the words of the handshake, and the kinds of frames.
const (
	acceptWords       = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
	textFrame    byte = 0x81
	closeFrame   byte = 0x88
	pingFrame    byte = 0x89
	pongFrame    byte = 0x8a
	longestFrame      = 125
	everyMessage      = 200 * time.Millisecond
)

// socket sends numbers through a WebSocket that echoes them, from the one after the highest that
// came back on; an echo is a message that came.
func (s *stream) socket(ctx context.Context) error {
	ctx, inTime, cancel := s.firstByte(ctx)
	defer cancel()
	conn, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	reader := bufio.NewReader(conn)
	header, err := s.shakeHands(conn, reader)
	if err != nil {
		return err
	}
	inTime()
	s.began(header)
	w := &frameWriter{conn: conn}
	from := s.last
	over := make(chan struct{})
	defer close(over)
	go func() {
		ticker := time.NewTicker(everyMessage)
		defer ticker.Stop()
		for number := from + 1; ; number++ {
			if w.write(textFrame, strconv.AppendInt(nil, number, 10)) != nil {
				return // the reader sees why
			}
			select {
			case <-over:
				return
			case <-ticker.C:
			}
		}
	}()
	for {
		kind, text, err := readFrame(reader)
		if err != nil {
			return err
		}
		switch kind {
		case textFrame:
			number, err := strconv.ParseInt(string(text), 10, 64)
			if err != nil {
				return err
			}
			s.came(number)
		case pingFrame:
			if err := w.write(pongFrame, text); err != nil {
				return err
			}
		case closeFrame:
			return nil
		}
	}
}

func (s *stream) dial(ctx context.Context) (net.Conn, error) {
	dialer := &net.Dialer{}
	if s.target.Scheme != "https" {
		return dialer.DialContext(ctx, "tcp", s.address())
	}
	config := s.transport.TLSClientConfig.Clone()
	config.NextProtos = []string{"http/1.1"}
	if config.ServerName == "" {
		config.ServerName = s.target.Hostname()
	}
	return (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", s.address())
}

func (s *stream) shakeHands(conn net.Conn, reader *bufio.Reader) (http.Header, error) {
	key := base64.StdEncoding.EncodeToString([]byte(rand.Text())[:16])
	request := &http.Request{Method: "GET", URL: s.target, Host: s.plan.Host, Header: http.Header{
		"Connection":            {"Upgrade"},
		"Upgrade":               {"websocket"},
		"Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key":     {key},
	}}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(reader, request)
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(key + acceptWords))
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("%w: %d", errStatus, response.StatusCode)
	}
	if response.Header.Get("Sec-Websocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return nil, errors.New("the WebSocket's handshake is not accepted")
	}
	return response.Header, nil
}

// A frameWriter writes short frames, masked with a new key each, from several goroutines.
type frameWriter struct {
	mu   sync.Mutex
	conn net.Conn
}

func (w *frameWriter) write(kind byte, text []byte) error {
	if len(text) > longestFrame {
		return errors.New("the frame is too long")
	}
	frame := append(make([]byte, 0, 6+len(text)), kind, 0x80|byte(len(text)), 0, 0, 0, 0)
	rand.Read(frame[2:6])
	for i, b := range text {
		frame = append(frame, b^frame[2+i%4])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.conn.Write(frame)
	return err
}

// readFrame reads a short frame of a server, which is not masked.
func readFrame(reader *bufio.Reader) (byte, []byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(reader, head[:]); err != nil {
		return 0, nil, err
	}
	if head[1] > longestFrame {
		return 0, nil, errors.New("a frame is masked, or longer than any that was sent")
	}
	text := make([]byte, head[1])
	_, err := io.ReadFull(reader, text)
	return head[0], text, err
}
