package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strconv"
	"time"
)

// sample has the fields of drills.traffic.model.Sample.
type sample struct {
	Type      string  `json:"type"`
	ID        string  `json:"id"`
	Due       instant `json:"due"`
	Started   instant `json:"started"`
	Duration  span    `json:"duration"`
	Lane      string  `json:"lane"`
	Method    string  `json:"method"`
	Protocol  string  `json:"protocol"`
	Key       string  `json:"key,omitempty"`
	Status    int     `json:"status,omitempty"`
	GRPC      string  `json:"grpc_status,omitempty"`
	Error     string  `json:"error,omitempty"`
	Detail    string  `json:"detail,omitempty"`
	Cluster   string  `json:"cluster,omitempty"`
	Pod       string  `json:"pod,omitempty"`
	RequestID string  `json:"request_id,omitempty"`
	Attempts  int     `json:"attempts,omitempty"`
	Reused    bool    `json:"reused,omitempty"`
	Request   string  `json:"request,omitempty"`
	Good      *bool   `json:"good,omitempty"`
}

// instant is written as seconds since the epoch. All of them follow from one reading of the wall
// clock, at the start, and from the monotonic clock since.
type instant time.Time

func (i instant) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Time(i).UnixMicro())/1e6, 'f', 6, 64), nil
}

// span is written as seconds.
type span time.Duration

func (s span) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'f', 6, 64), nil
}

// write writes samples as lines, at once while few come, in blocks while many do.
func write(out io.Writer, samples <-chan any) error {
	buffer := bufio.NewWriterSize(out, 1<<16)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	for s := range samples {
		if err := encoder.Encode(s); err != nil {
			return err
		}
		if len(samples) == 0 {
			if err := buffer.Flush(); err != nil {
				return err
			}
		}
	}
	return buffer.Flush()
}
