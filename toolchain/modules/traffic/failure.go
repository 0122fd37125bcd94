package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// failure gives the kind of an error, as drills.traffic.model.ErrorKind names it.
func failure(ctx context.Context, err error) string {
	var (
		name        *net.DNSError
		record      tls.RecordHeaderError
		alert       tls.AlertError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		hostname    x509.HostnameError
		network     net.Error
	)
	switch {
	case ctx.Err() != nil, errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &name):
		return "name"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "unreachable"
	case errors.As(err, &record), errors.As(err, &alert), errors.As(err, &certificate),
		errors.As(err, &authority), errors.As(err, &hostname):
		return "tls"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "closed"
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	}
	// net/http does not export the types of the rest
	text := err.Error()
	for _, known := range []struct{ words, kind string }{
		{"server closed idle connection", "closed"},
		{"GOAWAY", "closed"},
		{"client connection lost", "closed"},
		{"connection closed", "closed"},
		{"client conn not usable", "closed"},
		{"stream error", "reset"},
		{"tls:", "tls"},
		{"malformed", "protocol"},
		{"protocol error", "protocol"},
		{"connection error", "protocol"},
	} {
		if strings.Contains(text, known.words) {
			return known.kind
		}
	}
	return "other"
}
