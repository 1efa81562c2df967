package opamp

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

const (
	// maxMessageSize bounds a message when it is decompressed; the effective configuration is most of one.
	maxMessageSize = 2 << 20
	// Messages up to here are read at any time, larger ones few at a time.
	smallMessageSize = 64 << 10
	largeMessages    = 2
	// So many messages are worked on at once; a whole fleet answers a push within a second.
	maxMessages = 64
)

var (
	errTooLarge = fmt.Errorf("the message is larger than %d MiB", maxMessageSize>>20)
	errBusy     = errors.New("too many large messages at once")
)

// reader reads messages without holding many in memory, and only a few large ones, whose buffers are made once.
type reader struct {
	messages chan struct{}
	small    sync.Pool
	large    chan *bytes.Buffer
}

func newReader() *reader {
	r := &reader{
		messages: make(chan struct{}, maxMessages),
		small:    sync.Pool{New: func() any { return new(bytes.Buffer) }},
		large:    make(chan *bytes.Buffer, largeMessages),
	}
	for range largeMessages {
		r.large <- new(bytes.Buffer)
	}
	return r
}

// begin waits until a message may be read; end has to follow.
func (r *reader) begin() { r.messages <- struct{}{} }

func (r *reader) end() { <-r.messages }

// read passes on what source holds, and ends before it is used where it is too large. use must not keep it.
func (r *reader) read(ctx context.Context, source io.Reader, use func([]byte) error) error {
	// The pool has nothing else.
	content, _ := r.small.Get().(*bytes.Buffer)
	defer r.small.Put(content)
	content.Reset()
	if _, err := content.ReadFrom(io.LimitReader(source, smallMessageSize+1)); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	if content.Len() <= smallMessageSize {
		return use(content.Bytes())
	}

	select {
	case buffer := <-r.large:
		defer func() { r.large <- buffer }()
		return readLarge(buffer, io.MultiReader(content, source), use)
	case <-ctx.Done():
		return errBusy
	}
}

func readLarge(buffer *bytes.Buffer, source io.Reader, use func([]byte) error) error {
	buffer.Reset()
	// With the room in which ReadFrom sees the end.
	buffer.Grow(maxMessageSize + 1 + bytes.MinRead)
	if _, err := buffer.ReadFrom(io.LimitReader(source, maxMessageSize+1)); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	if buffer.Len() > maxMessageSize {
		return errTooLarge
	}
	return use(buffer.Bytes())
}

// bodyOf returns the body of a request, decompressed as it is read.
func bodyOf(request *http.Request) (io.Reader, error) {
	switch encoding := request.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return request.Body, nil
	case "gzip":
		decompressed, err := gzip.NewReader(request.Body)
		if err != nil {
			return nil, fmt.Errorf("decompress message: %w", err)
		}
		return decompressed, nil
	default:
		return nil, fmt.Errorf("the content encoding is %q; there are gzip and identity", encoding)
	}
}
