package opamp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/open-telemetry/opamp-go/protobufs"
	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

// timing is how long a session waits for its agent.
type timing struct {
	// greeting is the time to the first message.
	greeting time.Duration
	// ping is the time between two pings, silence the time without an answer after which the connection is ended.
	ping, silence time.Duration
	// message is the time that one message may take on its way, in either direction.
	message, send time.Duration
}

func defaultTiming() timing {
	return timing{
		greeting: 10 * time.Second,
		ping:     30 * time.Second,
		silence:  75 * time.Second,
		message:  10 * time.Second,
		send:     5 * time.Second,
	}
}

// Messages a second that one connection may send; more are read later.
const (
	messageRate  = 50
	messageBurst = 200
)

// session is the WebSocket of an agent. opamp-go's own server is not used: it reads messages of any size, and waits for hung agents for
// ever.
type session struct {
	*handler
	conn *websocket.Conn

	// writing is held while a message is made and sent.
	writing sync.Mutex
	pinging *time.Timer
	// reading is true between the begin and the end of a message; pongs do not prolong it.
	reading, greeted bool
}

// run passes messages to the fleet until the connection ends.
func (s *session) run() {
	link := &fleet.Link{Sender: s}
	defer func() {
		s.pinging.Stop()
		s.agents.Disconnect(link)
		s.Close()
	}()
	s.pinging = time.AfterFunc(math.MaxInt64, s.ping)
	s.pinging.Reset(s.timing.ping)
	s.conn.SetPongHandler(func(string) error {
		if s.reading || !s.greeted {
			return nil
		}
		return s.conn.SetReadDeadline(time.Now().Add(s.timing.silence))
	})
	limiter := rate.NewLimiter(messageRate, messageBurst)
	for wait := s.timing.greeting; ; wait = s.timing.silence {
		if err := s.receive(wait, func(content []byte) error { return s.answer(link, content) }); err != nil {
			s.end(err)
			return
		}
		s.greeted = true
		time.Sleep(limiter.Reserve().Delay())
	}
}

// answer lets the fleet take a message, and sends its reply.
func (s *session) answer(link *fleet.Link, content []byte) error {
	var message protobufs.AgentToServer
	if err := decode(content[headerSize(content):], &message); err != nil {
		return err
	}
	var reply *protobufs.ServerToAgent
	err := s.send(func() *protobufs.ServerToAgent {
		reply = s.agents.Receive(link, &message)
		return reply
	})
	if reply.GetErrorResponse() != nil {
		return errors.New(reply.ErrorResponse.ErrorMessage)
	}
	return err
}

// receive waits for a message to begin, and then for its end.
func (s *session) receive(wait time.Duration, use func([]byte) error) error {
	s.reading = false
	if err := s.conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	kind, source, err := s.conn.NextReader()
	if err != nil {
		return err
	}
	if kind != websocket.BinaryMessage {
		return errors.New("the message is text, not binary")
	}
	s.reading = true
	s.reader.begin()
	defer s.reader.end()
	if err := s.conn.SetReadDeadline(time.Now().Add(s.timing.message)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timing.message)
	defer cancel()
	return s.reader.read(ctx, source, func(content []byte) error {
		// A goroutine keeps the stack that it has grown to, and this one waits for most of its life.
		used := make(chan error)
		go func() { used <- use(content) }()
		return <-used
	})
}

// headerSize is the size of the number zero before a message, which old agents leave out.
func headerSize(content []byte) int {
	if len(content) > 0 && content[0] == 0 {
		return 1
	}
	return 0
}

// Push ends a connection that does not take the message: the agent gets its configuration when it connects again.
func (s *session) Push(next func() *protobufs.ServerToAgent) {
	if err := s.send(next); err != nil {
		s.logger.Warn("configuration was not pushed", "error", err)
		s.Close()
	}
}

func (s *session) send(next func() *protobufs.ServerToAgent) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	message := next()
	if message == nil {
		return nil
	}
	buffer, _ := s.reader.small.Get().(*bytes.Buffer)
	defer s.reader.small.Put(buffer)
	buffer.Reset()
	buffer.Grow(1 + proto.Size(message))
	content, err := proto.MarshalOptions{}.MarshalAppend(binary.AppendUvarint(buffer.AvailableBuffer(), 0), message)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.timing.send)); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	if err := s.conn.WriteMessage(websocket.BinaryMessage, content); err != nil {
		return fmt.Errorf("send message: %w", err)
	}
	return nil
}

func (s *session) ping() {
	if err := s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(s.timing.send)); err != nil {
		s.Close()
		return
	}
	s.pinging.Reset(s.timing.ping)
}

// end tells the agent why, where it can still be told.
func (s *session) end(err error) {
	var closing *websocket.CloseError
	if errors.As(err, &closing) || errors.Is(err, io.EOF) {
		s.logger.Debug("agent closed its connection", "error", err)
		return
	}
	s.logger.Warn("connection ended", "error", err, "peer", s.conn.RemoteAddr().String())
	code := websocket.ClosePolicyViolation
	if errors.Is(err, errTooLarge) {
		code = websocket.CloseMessageTooBig
	}
	const maxReason = 100
	text := err.Error()
	_ = s.conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(code, text[:min(len(text), maxReason)]), time.Now().Add(time.Second))
}

// Close ends the connection at once.
func (s *session) Close() {
	_ = s.conn.Close()
}
