package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What precedes a gRPC message: whether it is compressed, and its length in four bytes.
const messageHead = 5

// The portal's messages have this many bytes, so that they come at its pace.
const longestMessage = 200

// echo keeps a bidirectional stream of gRPC open: it sends numbers, from the one after the highest
// that came back on, and the portal sends each one back; that is a message that came.
func (s *stream) echo(ctx context.Context) error {
	body, numbers := io.Pipe()
	defer body.Close()
	return s.call(ctx, body, func() { s.count(numbers, s.last) })
}

// numbers keeps a stream of gRPC open that the portal alone sends on, from the number after the one
// that it is told.
func (s *stream) numbers(ctx context.Context) error {
	return s.call(ctx, bytes.NewReader(message(s.last)), func() {})
}

// call makes a call of gRPC and reads the numbers that come. An end with grpc-status 0 is in good
// order. begin is what writes the body, if somebody has to.
func (s *stream) call(ctx context.Context, body io.Reader, begin func()) error {
	ctx, inTime, cancel := s.firstByte(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, "POST", s.target.String(), body)
	if err != nil {
		return err
	}
	request.Host = s.plan.Host
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	conn, err := s.transport.NewClientConn(ctx, s.target.Scheme, s.address())
	if err != nil {
		return err
	}
	defer conn.Close()
	go begin()
	response, err := conn.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	inTime()
	if response.StatusCode != 200 {
		return fmt.Errorf("%w: %d", errStatus, response.StatusCode)
	}
	if code := response.Header.Get("Grpc-Status"); code != "" { // an answer without a message
		return statusError(code, response.Header.Get("Grpc-Message"))
	}
	s.began(response.Header)
	for {
		number, err := readMessage(response.Body)
		if errors.Is(err, io.EOF) {
			return statusError(response.Trailer.Get("Grpc-Status"), response.Trailer.Get("Grpc-Message"))
		}
		if err != nil {
			return err
		}
		s.came(number)
	}
}

// count writes a number at a time until the other end is closed.
func (s *stream) count(out *io.PipeWriter, last int64) {
	ticker := time.NewTicker(everyMessage)
	defer ticker.Stop()
	for number := last + 1; ; number++ {
		if _, err := out.Write(message(number)); err != nil {
			return
		}
		<-ticker.C
	}
}

func message(number int64) []byte {
	text := strconv.AppendInt(nil, number, 10)
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))
	return append(head, text...)
}

func readMessage(from io.Reader) (int64, error) {
	head := make([]byte, messageHead)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 || length > longestMessage {
		return 0, errors.New("a message is compressed, or longer than any that was sent")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(from, text); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.ParseInt(string(bytes.TrimRight(text, " ")), 10, 64)
}

func statusError(code, message string) error {
	if code == "0" {
		return nil
	}
	return fmt.Errorf("grpc-status %q %s", code, message)
}

// grpcStatus gives the grpc-status of an answer that was read to its end, `none` where a call of
// gRPC ended without one, and nothing for any other answer. An answer without a message has it among
// its headers.
func grpcStatus(response *http.Response) string {
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if kind != "application/grpc" && !strings.HasPrefix(kind, "application/grpc+") {
		return ""
	}
	return cmp.Or(response.Header.Get("Grpc-Status"), response.Trailer.Get("Grpc-Status"), "none")
}
