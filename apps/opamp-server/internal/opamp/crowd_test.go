package opamp

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/open-telemetry/opamp-go/protobufs"
	"google.golang.org/protobuf/proto"

	"tinyolly.dev/apps/opamp-server/internal/collector"
	"tinyolly.dev/apps/opamp-server/internal/fleet"
)

const crowdSize = 1000

// crowd are agents of which a few behave.
type crowd struct {
	served
	t    *testing.T
	done chan struct{}
}

// socket is an agent's WebSocket, whose messages have the numbers that they should have.
type socket struct {
	*websocket.Conn
	uid      uuid.UUID
	sequence uint64
}

func (s *socket) send(message *protobufs.AgentToServer) error {
	message.InstanceUid, message.SequenceNum = s.uid[:], s.sequence
	s.sequence++
	content, err := proto.Marshal(message)
	if err != nil {
		return err
	}
	return s.WriteMessage(websocket.BinaryMessage, append([]byte{0}, content...))
}

func (c *crowd) dial(uid uuid.UUID) (*socket, error) {
	conn, _, err := websocket.DefaultDialer.Dial("ws://"+c.address, nil)
	if err != nil {
		return nil, err
	}
	s := &socket{Conn: conn, uid: uid}
	return s, s.send(hello(uid))
}

// good follows its server, and comes back when it is cut off.
func (c *crowd) good(uid uuid.UUID) {
	for {
		if s, err := c.dial(uid); err == nil {
			stop := make(chan struct{})
			go func() {
				select {
				case <-c.done:
				case <-stop:
				}
				_ = s.Close()
			}()
			_ = s.follow()
			close(stop)
		}
		select {
		case <-c.done:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s *socket) follow() error {
	for {
		_, content, err := s.ReadMessage()
		if err != nil {
			return err
		}
		var message protobufs.ServerToAgent
		if err := proto.Unmarshal(content[1:], &message); err != nil {
			return err
		}
		if message.RemoteConfig == nil {
			continue
		}
		for _, status := range []protobufs.RemoteConfigStatuses{
			protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING,
			protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED,
		} {
			report := &protobufs.AgentToServer{RemoteConfigStatus: &protobufs.RemoteConfigStatus{
				LastRemoteConfigHash: message.RemoteConfig.ConfigHash, Status: status,
			}}
			if err := s.send(report); err != nil {
				return err
			}
		}
	}
}

// comesAndGoes connects, says a little, and vanishes without a word.
func (c *crowd) comesAndGoes(random *rand.Rand) {
	if s, err := c.dial(uuid.New()); err == nil {
		for range random.IntN(3) {
			_ = s.send(&protobufs.AgentToServer{Health: &protobufs.ComponentHealth{Healthy: true}})
		}
		_ = s.Close()
	}
}

// hangs connects and never reads again.
func (c *crowd) hangs(uid uuid.UUID) {
	if s, err := c.dial(uid); err == nil {
		<-c.done
		_ = s.Close()
	}
}

// lies sends what no agent should: the UIDs and numbers of others, answers to nothing, and noise.
func (c *crowd) lies(random *rand.Rand, others []uuid.UUID) {
	for range 3 {
		s, err := c.dial(others[random.IntN(len(others))])
		if err != nil {
			continue
		}
		for range 5 {
			s.sequence = random.Uint64()
			hash := make([]byte, random.IntN(100))
			_ = s.send(&protobufs.AgentToServer{
				Capabilities: random.Uint64(),
				RemoteConfigStatus: &protobufs.RemoteConfigStatus{
					LastRemoteConfigHash: hash, Status: protobufs.RemoteConfigStatuses(random.IntN(9)),
				},
				EffectiveConfig: &protobufs.EffectiveConfig{
					ConfigMap: collector.Trust(collector.One(fmt.Sprint(random.Uint64()))).Remote().Config,
				},
			})
		}
		_ = s.WriteMessage(websocket.BinaryMessage, []byte("noise"))
		_ = s.Close()
	}
}

// polls comes without a WebSocket, now and then with a goodbye.
func (c *crowd) polls(random *rand.Rand) {
	message := hello(uuid.New())
	for range 5 {
		if random.IntN(4) == 0 {
			message.AgentDisconnect = &protobufs.AgentDisconnect{}
		}
		content, err := proto.Marshal(message)
		if err != nil {
			c.t.Error(err)
			return
		}
		post(c.t, c.address, content, http.Header{})
		message.SequenceNum++
	}
}

func TestAThousandAgentsThatComeGoHangAndLie(t *testing.T) {
	before := runtime.NumGoroutine()
	c := &crowd{
		served: serve(t, func(h *handler) { h.timing.ping, h.timing.silence = time.Second, 10*time.Second }),
		t:      t, done: make(chan struct{}),
	}
	uids := func(count int) []uuid.UUID {
		made := make([]uuid.UUID, count)
		for index := range made {
			made[index] = uuid.New()
		}
		return made
	}
	good, hung, strangers := uids(crowdSize/4), uids(crowdSize/8), uids(20)
	var all, passing sync.WaitGroup
	for index := range crowdSize {
		random := rand.New(rand.NewPCG(1, uint64(index)))
		switch index % 8 {
		case 0, 1:
			all.Go(func() { c.good(good[index/8*2+index%8]) })
		case 2:
			all.Go(func() { c.hangs(hung[index/8]) })
		case 3, 4:
			passing.Go(func() { c.comesAndGoes(random) })
		case 5:
			passing.Go(func() { c.polls(random) })
		default:
			passing.Go(func() { c.lies(random, strangers) })
		}
	}
	// Two operators set what they like meanwhile.
	for index := range 20 {
		passing.Go(func() {
			config := collector.Trust(collector.One(fmt.Sprintf("receivers: {a%d: }", index)))
			if _, _, err := c.agents.SetShared(config, fleet.AnyRevision, "me"); err != nil {
				t.Error(err)
			}
			c.agents.List(fleet.Query{Limit: 1000})
			if _, err := c.agents.Snapshot(func(fleet.SavedAgent) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	passing.Wait()

	last := collector.Trust(collector.One("receivers: {last: }"))
	if _, _, err := c.agents.SetShared(last, fleet.AnyRevision, "me"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		missing := 0
		for _, uid := range good {
			detail, err := c.agents.Detail(uid.String())
			if err != nil || detail.Wanted == nil || detail.Wanted.Status != fleet.Applied || detail.Wanted.Hash != last.Hash() {
				missing++
			}
		}
		connected := 0
		for _, uid := range hung {
			if detail, err := c.agents.Detail(uid.String()); err == nil && detail.Connection != fleet.Disconnected {
				connected++
			}
		}
		if missing+connected == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d good agents do not run the last configuration, and %d of %d hung ones are connected",
				missing, len(good), connected, len(hung))
		}
	}
	close(c.done)
	all.Wait()
	if err := c.server.Close(); err != nil {
		t.Error(err)
	}
	// Nobody is left that waits for an agent.
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before+50; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left of %d agents, %d were there before", runtime.NumGoroutine(), crowdSize, before)
		}
	}
}
