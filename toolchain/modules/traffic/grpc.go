package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// What precedes a gRPC message: whether it is compressed, and its length in four bytes.
const messageHead = 5

// call keeps a bidirectional stream of gRPC open: it sends numbers, from the one after the highest
// that came back on, and the portal sends each one back; that is a message that came. An end with
// grpc-status 0 is in good order.
func (s *stream) call(ctx context.Context) error {
	ctx, inTime, cancel := s.firstByte(ctx)
	defer cancel()
	body, numbers := io.Pipe()
	defer body.Close()
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
	go s.count(numbers, s.last)
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
		text := strconv.AppendInt(nil, number, 10)
		message := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))
		if _, err := out.Write(append(message, text...)); err != nil {
			return
		}
		<-ticker.C
	}
}

func readMessage(from io.Reader) (int64, error) {
	head := make([]byte, messageHead)
	if _, err := io.ReadFull(from, head); err != nil {
		return 0, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 || length > longestFrame {
		return 0, errors.New("a message is compressed, or longer than any that was sent")
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(from, text); err != nil {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.ParseInt(string(text), 10, 64)
}

func statusError(code, message string) error {
	if code == "0" {
		return nil
	}
	return fmt.Errorf("grpc-status %q %s", code, message)
}
