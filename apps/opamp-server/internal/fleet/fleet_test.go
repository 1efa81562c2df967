package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

const (
	accepting = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus |
		protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig |
		protobufs.AgentCapabilities_AgentCapabilities_ReportsRemoteConfig)
	reporting = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsStatus)

	unset    = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_UNSET
	applied  = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED
	applying = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING
	failed   = protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED
)

// sender stands for a WebSocket and keeps what is sent over it.
type sender struct {
	writing sync.Mutex
	sent    chan *protobufs.ServerToAgent
	closed  context.Context
	close   context.CancelFunc
}

func newSender() *sender {
	closed, end := context.WithCancel(context.Background())
	return &sender{sent: make(chan *protobufs.ServerToAgent, 10), closed: closed, close: end}
}

func (s *sender) Push(next func() *protobufs.ServerToAgent) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if message := next(); message != nil {
		s.sent <- message
	}
}

func (s *sender) Close() { s.close() }

func newTestFleet() *Fleet {
	return New(Limits{Agents: 100, EffectiveBytes: 1 << 20}, slog.New(slog.DiscardHandler))
}

// config is one that differs from others by its name.
func config(name string) *collector.Config {
	return collector.Trust(collector.One("receivers: {" + name + ": {}}\n"))
}

// testAgent sends messages with the numbers that they should have.
type testAgent struct {
	uid      uuid.UUID
	sequence uint64
	fleet    *Fleet
	link     *Link
}

func newAgent(fleet *Fleet, last byte) *testAgent {
	uid := uuid.MustParse("0198c1a2-7d3e-7000-8000-000000000000")
	uid[15] = last
	return &testAgent{uid: uid, fleet: fleet}
}

func (a *testAgent) send(change func(*protobufs.AgentToServer)) *protobufs.ServerToAgent {
	message := &protobufs.AgentToServer{InstanceUid: a.uid[:], SequenceNum: a.sequence}
	a.sequence++
	if change != nil {
		change(message)
	}
	return a.fleet.Receive(a.link, message)
}

func (a *testAgent) hello(capabilities uint64) *protobufs.ServerToAgent {
	a.sequence = 0
	return a.send(func(m *protobufs.AgentToServer) {
		m.Capabilities = capabilities
		m.AgentDescription = &protobufs.AgentDescription{}
		m.RemoteConfigStatus = &protobufs.RemoteConfigStatus{Status: unset}
	})
}

func (a *testAgent) reports(status protobufs.RemoteConfigStatuses, config *collector.Config, message string) *protobufs.ServerToAgent {
	return a.send(func(m *protobufs.AgentToServer) {
		m.RemoteConfigStatus = &protobufs.RemoteConfigStatus{
			Status: status, LastRemoteConfigHash: config.Remote().ConfigHash, ErrorMessage: message,
		}
	})
}

func (a *testAgent) reportsEffective(files map[string]string) {
	a.send(func(m *protobufs.AgentToServer) {
		m.EffectiveConfig = &protobufs.EffectiveConfig{ConfigMap: collector.Trust(files).Remote().Config}
	})
}

func (a *testAgent) status(t *testing.T) Status {
	t.Helper()
	detail, err := a.fleet.Detail(a.uid.String())
	if err != nil {
		t.Fatal(err)
	}
	return detail.Status
}

func (a *testAgent) expect(t *testing.T, outcome Outcome, message string) {
	t.Helper()
	if got := a.status(t).Wanted; got == nil || got.Status != outcome || got.Error != message {
		t.Errorf("wanted is %+v, want %s %q", got, outcome, message)
	}
}

func (a *testAgent) set(t *testing.T, config *collector.Config) Setting {
	t.Helper()
	setting, err := a.fleet.Set(a.uid.String(), config, AnyRevision, "me")
	if err != nil {
		t.Fatal(err)
	}
	return setting
}

func asksForFullState(reply *protobufs.ServerToAgent) bool {
	return reply.GetFlags()&uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState) != 0
}

func offers(reply *protobufs.ServerToAgent, config *collector.Config) bool {
	return config.Matches(reply.GetRemoteConfig().GetConfigHash())
}

func TestReplyNamesInstanceAndCapabilities(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	reply := a.hello(reporting)
	if !slices.Equal(reply.InstanceUid, a.uid[:]) {
		t.Errorf("instance UID is %x, want %x", reply.InstanceUid, a.uid)
	}
	if reply.Capabilities != 1|2|4 {
		t.Errorf("capabilities are %b, want status, remote configuration and effective configuration", reply.Capabilities)
	}
}

func TestFullStateIsAskedForWhenSomethingIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(newTestFleet(), 1)
		describe := func(m *protobufs.AgentToServer) { m.AgentDescription = &protobufs.AgentDescription{} }
		for _, step := range []struct {
			name     string
			sequence uint64
			wait     time.Duration
			change   func(*protobufs.AgentToServer)
			asks     bool
		}{
			{"an unknown agent without description", 7, 0, nil, true},
			{"the full state that was asked for", 8, 0, describe, false},
			{"the next heartbeat", 9, 0, nil, false},
			{"a heartbeat after a lost message", 11, askInterval, nil, true},
			{"a number that does not fit at once again", 40, 0, nil, false},
			{"a heartbeat when the question may be repeated", 41, askInterval, nil, true},
			{"the answer", 42, 0, describe, false},
			{"a heartbeat long after", 43, time.Hour, nil, false},
			{"a restart with the full state", 0, 0, describe, false},
			{"a restart without it", 0, 0, nil, true},
		} {
			time.Sleep(step.wait)
			a.sequence = step.sequence
			if asks := asksForFullState(a.send(step.change)); asks != step.asks {
				t.Errorf("%s: asks for full state is %t, want %t", step.name, asks, step.asks)
			}
		}
	})
}

func TestMalformedInstanceIsRefused(t *testing.T) {
	fleet := newTestFleet()
	reply := fleet.Receive(nil, &protobufs.AgentToServer{InstanceUid: []byte("short")})
	if reply.GetErrorResponse().GetType() != protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest {
		t.Errorf("reply is %v, want a bad request", reply)
	}
	if list := fleet.List(Query{Limit: 1}); list.Total != 0 {
		t.Errorf("agents are %v, want none", list)
	}
}

func TestInstanceUIDIsMadeOnRequest(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	reply := a.send(func(m *protobufs.AgentToServer) {
		m.Flags = uint64(protobufs.AgentToServerFlags_AgentToServerFlags_RequestInstanceUid)
	})
	made, err := uuid.FromBytes(reply.GetAgentIdentification().GetNewInstanceUid())
	if err != nil || made == a.uid || made.Version() != 7 {
		t.Errorf("new instance UID is %v (%v), want another one of version 7", made, err)
	}
}

func TestSecondAgentWithTheSameUIDIsGivenAnother(t *testing.T) {
	for name, links := range map[string][2]*Link{
		"WebSocket": {{Sender: newSender()}, {Sender: newSender()}},
		"polling":   {},
	} {
		t.Run(name, func(t *testing.T) {
			fleet := newTestFleet()
			first, second := newAgent(fleet, 1), newAgent(fleet, 1)
			first.link, second.link = links[0], links[1]
			first.hello(accepting)
			first.send(nil)
			if second.hello(accepting).AgentIdentification != nil {
				t.Error("an agent that may have been started again is given another UID")
			}
			if first.send(nil).AgentIdentification == nil {
				t.Error("the first agent goes on, and neither is given another UID")
			}
			if !first.status(t).Duplicate {
				t.Error("the duplicate is not shown")
			}
			if second.send(nil).AgentIdentification != nil {
				t.Error("the agent that keeps the UID is given another one as well")
			}
		})
	}
}

func TestRestartsAndRetriesAreNoDuplicates(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	for _, sequence := range []uint64{0, 1, 2, 0, 1, 0, 0, 1, 2, 3, 3, 4, 9, 10, 0, 1} {
		a.sequence = sequence
		if a.send(nil).AgentIdentification != nil {
			t.Fatalf("message %d: another UID is given", sequence)
		}
	}
}

func TestReconnectOutlivesTheOldConnection(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	first, second := &Link{Sender: newSender()}, &Link{Sender: newSender()}
	a.link = first
	a.hello(accepting)
	a.link = second
	a.hello(accepting)

	a.fleet.Disconnect(first)
	if got := a.status(t).Connection; got != Connected {
		t.Errorf("the late end of the old connection made the agent %s", got)
	}
	a.fleet.Disconnect(second)
	if got := a.status(t).Connection; got != Disconnected {
		t.Errorf("the agent is %s after both connections ended", got)
	}
}

func TestUnconfirmedConfigIsOfferedAgainAfterReconnect(t *testing.T) {
	a, wanted := newAgent(newTestFleet(), 1), config("a")
	first := newSender()
	a.link = &Link{Sender: first}
	a.hello(accepting)
	a.set(t, wanted)
	if !offers(<-first.sent, wanted) {
		t.Fatal("the configuration was not pushed")
	}
	a.fleet.Disconnect(a.link)
	a.link = &Link{Sender: newSender()}
	if !offers(a.hello(accepting), wanted) {
		t.Error("the configuration was not offered over the new connection")
	}
}

func TestUnansweredOffersRestAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, wanted := newAgent(newTestFleet(), 1), config("a")
		a.hello(accepting)
		a.set(t, wanted)
		for offer := range maxOffers {
			if !offers(a.send(nil), wanted) {
				t.Errorf("offer %d was not made", offer+1)
			}
			if offers(a.send(nil), wanted) {
				t.Errorf("the message right after offer %d is answered by another one", offer+1)
			}
			time.Sleep(offerInterval)
		}
		for range 3 {
			if offers(a.send(nil), wanted) {
				t.Error("there is one offer too many")
			}
			time.Sleep(time.Hour)
		}
		a.expect(t, Failed, fmt.Sprintf("the agent did not keep the configuration after %d offers", maxOffers))
	})
}

func TestFailedConfigIsOfferedOnceAndStaysFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, good, bad := newAgent(newTestFleet(), 1), config("a"), config("b")
		a.hello(accepting)
		a.set(t, good)
		a.send(nil)
		a.reports(applied, good, "")
		a.expect(t, Applied, "")

		a.set(t, bad)
		if !offers(a.send(nil), bad) {
			t.Fatal("the configuration was not offered")
		}
		failedAt := time.Now()
		// A supervisor that rolls back.
		for name, reply := range map[string]*protobufs.ServerToAgent{
			"applying":    a.reports(applying, bad, ""),
			"failed":      a.reports(failed, bad, "no such exporter"),
			"rolled back": a.reports(applied, good, ""),
		} {
			if reply.RemoteConfig != nil {
				t.Errorf("%s: something is offered", name)
			}
		}
		for range 3 {
			time.Sleep(time.Hour)
			if a.send(nil).RemoteConfig != nil || a.hello(accepting).RemoteConfig != nil ||
				a.reports(applied, good, "").RemoteConfig != nil {
				t.Error("the failed configuration is offered again")
			}
		}
		a.expect(t, Failed, "no such exporter")
		status := a.status(t)
		if status.Wanted.Offers != 1 || status.Wanted.ChangedAtUnixNano != unixNano(failedAt) || status.Wanted.Hash != bad.Hash() {
			t.Errorf("wanted is %+v, want one offer of %s that failed at %s", status.Wanted, bad.Hash(), unixNano(failedAt))
		}
		if status.RemoteConfig.Status != "APPLIED" || status.RemoteConfig.Hash != good.Hash() {
			t.Errorf("reported is %+v, want the one that it went back to", status.RemoteConfig)
		}

		a.set(t, bad)
		if !offers(a.send(nil), bad) {
			t.Error("the configuration is not offered though it was set again")
		}
		a.reports(applied, bad, "")
		a.expect(t, Applied, "")
	})
}

func TestSupervisorThatStartsWithWhatFailedDoesNotHideIt(t *testing.T) {
	a, bad := newAgent(newTestFleet(), 1), config("b")
	a.hello(accepting)
	a.set(t, bad)
	a.send(nil)
	a.reports(failed, bad, "no such exporter")
	a.reports(applying, bad, "")
	a.expect(t, Failed, "no such exporter")
	a.reports(applied, bad, "")
	a.expect(t, Applied, "")
}

func TestReportsAreShortened(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	long := strings.Repeat("ä", maxReportedText)
	a.send(func(m *protobufs.AgentToServer) {
		m.Health = &protobufs.ComponentHealth{LastError: long}
		m.RemoteConfigStatus = &protobufs.RemoteConfigStatus{
			Status: failed, ErrorMessage: long, LastRemoteConfigHash: make([]byte, 2*maxReportedHash),
		}
	})
	files := map[string]string{}
	for index := range maxReportedFiles + 1 {
		files[fmt.Sprint(index)] = fmt.Sprint(index)
	}
	a.reportsEffective(files)
	status := a.status(t)
	for name, text := range map[string]string{"health": status.HealthError, "status": status.RemoteConfig.Error} {
		if len(text) > maxReportedText+len("…") || !strings.HasSuffix(text, "ä…") {
			t.Errorf("%s has %d bytes and ends in %q", name, len(text), text[len(text)-10:])
		}
	}
	if got := len(status.RemoteConfig.Hash) / 2; got != maxReportedHash {
		t.Errorf("the hash has %d bytes, want %d", got, maxReportedHash)
	}
	if got := len(status.Effective.Files); got != maxReportedFiles || !status.Effective.Omitted {
		t.Errorf("%d files are kept, want %d and that there are more", got, maxReportedFiles)
	}
}

func TestConnectionsThatSpeakForOneAgentByTurnsDoNotGrow(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	links := []*Link{{Sender: newSender()}, {Sender: newSender()}}
	for turn := range 10 {
		a.link = links[turn%2]
		a.hello(accepting)
	}
	for _, link := range links {
		if len(link.agents) != 1 {
			t.Errorf("a connection has %d agents, want 1", len(link.agents))
		}
	}
}

func TestOldFailureIsNoAnswerToANewAttempt(t *testing.T) {
	a, bad := newAgent(newTestFleet(), 1), config("b")
	a.hello(accepting)
	a.set(t, bad)
	a.send(nil)
	a.reports(failed, bad, "old")
	a.set(t, bad)
	if !offers(a.reports(failed, bad, "old"), bad) {
		t.Error("the report of the earlier attempt ends the new one")
	}
}

func TestRollbackWithoutAReasonIsAFailure(t *testing.T) {
	a, good, bad := newAgent(newTestFleet(), 1), config("a"), config("b")
	a.hello(accepting)
	a.set(t, bad)
	a.send(nil)
	a.reports(applying, bad, "")
	a.expect(t, Applying, "")
	if a.reports(applied, good, "").RemoteConfig != nil {
		t.Error("the configuration is offered again")
	}
	a.expect(t, Failed, "the agent went back to another configuration without a reason")
}

func TestAgentThatLostItsStateIsOfferedItsConfigAgain(t *testing.T) {
	a, wanted := newAgent(newTestFleet(), 1), config("a")
	a.hello(accepting)
	a.set(t, wanted)
	a.send(nil)
	a.reports(applied, wanted, "")
	if !offers(a.hello(accepting), wanted) {
		t.Error("the configuration was not offered again")
	}
}

func TestAgentThatLosesItsStateNowAndThenIsNeverGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, wanted := newAgent(newTestFleet(), 1), config("a")
		a.hello(accepting)
		a.set(t, wanted)
		reply := a.send(nil)
		for loss := range 2 * maxOffers {
			if !offers(reply, wanted) {
				t.Fatalf("the configuration was not offered when it was lost for the %dth time", loss)
			}
			a.reports(applied, wanted, "")
			time.Sleep(steadyAfter)
			reply = a.hello(accepting)
		}
	})
}

// late is a connection that is busy: what is pushed waits.
type late struct {
	*sender
	waiting chan func() *protobufs.ServerToAgent
}

func (l late) Push(next func() *protobufs.ServerToAgent) { l.waiting <- next }

func TestPushThatComesTooLateSendsNothing(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	busy := late{newSender(), make(chan func() *protobufs.ServerToAgent)}
	a.link = &Link{Sender: busy}
	a.hello(accepting)
	a.set(t, config("a"))
	next := <-busy.waiting
	a.link = &Link{Sender: newSender()}
	if !offers(a.hello(accepting), config("a")) {
		t.Error("the configuration was not offered over the new connection")
	}
	if message := next(); message != nil {
		t.Errorf("%v is sent over the old connection", message)
	}
	a.set(t, config("b"))
	if message := next(); message != nil {
		t.Errorf("%v is sent over the old connection", message)
	}
}

func TestAppliedMeansTheWantedConfig(t *testing.T) {
	a, older, newer := newAgent(newTestFleet(), 1), config("a"), config("b")
	a.hello(accepting)
	a.set(t, older)
	a.send(nil)
	a.set(t, newer)
	a.reports(applied, older, "")
	a.expect(t, Offered, "")
	a.reports(applied, newer, "")
	a.expect(t, Applied, "")
}

func TestWhatAnAgentRunsAlreadyIsNotOffered(t *testing.T) {
	a, running := newAgent(newTestFleet(), 1), config("a")
	a.hello(accepting)
	a.reports(applied, running, "")
	a.set(t, running)
	if a.send(nil).RemoteConfig != nil {
		t.Error("it is offered what it runs")
	}
	a.expect(t, Applied, "")
}

func TestNothingIsOfferedBeforeTheStateIsKnown(t *testing.T) {
	a, wanted := newAgent(newTestFleet(), 1), config("a")
	if _, _, err := a.fleet.SetShared(wanted, AnyRevision, "me"); err != nil {
		t.Fatal(err)
	}
	// The server was started again, and the agent goes on with a heartbeat.
	a.sequence = 7
	reply := a.send(func(m *protobufs.AgentToServer) { m.Capabilities = accepting })
	if reply.RemoteConfig != nil || !asksForFullState(reply) {
		t.Errorf("reply is %v, want only a question", reply)
	}
	reply = a.send(func(m *protobufs.AgentToServer) {
		m.AgentDescription = &protobufs.AgentDescription{}
		m.RemoteConfigStatus = &protobufs.RemoteConfigStatus{Status: applied, LastRemoteConfigHash: wanted.Remote().ConfigHash}
	})
	if reply.RemoteConfig != nil {
		t.Error("it is offered what it runs")
	}
	a.expect(t, Applied, "")
}

func TestConfigOfOneInstanceLeavesOthersAlone(t *testing.T) {
	fleet, all, one := newTestFleet(), config("a"), config("b")
	if _, _, err := fleet.SetShared(all, AnyRevision, "me"); err != nil {
		t.Fatal(err)
	}
	a, other := newAgent(fleet, 1), newAgent(fleet, 2)
	a.hello(accepting)
	a.set(t, one)
	if !offers(a.send(nil), one) {
		t.Error("the instance was not offered its own configuration")
	}
	if !offers(other.hello(accepting), all) {
		t.Error("the other instance was not offered the configuration of all")
	}
	// Without its own, it gets that of all again.
	a.set(t, nil)
	if !offers(a.send(nil), all) {
		t.Error("the instance was not offered the configuration of all")
	}
}

func TestReadOnlyAgentIsLeftAlone(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(reporting)
	if _, err := a.fleet.Set(a.uid.String(), config("a"), AnyRevision, "me"); !errors.Is(err, ReadOnlyInstanceError{a.uid.String()}) {
		t.Errorf("error is %v, want that the agent is read-only", err)
	}
	if _, instances, _ := a.fleet.SetShared(config("a"), AnyRevision, "me"); len(instances) != 0 {
		t.Errorf("instances are %v, want none", instances)
	}
	if offer := a.send(nil).RemoteConfig; offer != nil {
		t.Errorf("offer is %v, want none", offer)
	}
	if status := a.status(t); status.Wanted != nil || status.AcceptsRemoteConfig {
		t.Errorf("status is %+v, want nothing wanted of an agent that cannot take it", status)
	}
	a.send(func(m *protobufs.AgentToServer) { m.Capabilities = accepting })
	if a.status(t).Wanted == nil {
		t.Error("the configuration of all is not wanted of an agent that can take it by now")
	}
}

func TestOnlyTheRevisionThatWasReadIsReplaced(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	if _, err := a.fleet.Set(a.uid.String(), config("a"), 7, "me"); !errors.Is(err, ConflictError{7, 0}) {
		t.Errorf("error is %v, want a conflict", err)
	}
	read := a.set(t, config("a"))
	if _, err := a.fleet.Set(a.uid.String(), config("b"), read.Revision, "me"); err != nil {
		t.Error(err)
	}
	if _, err := a.fleet.Set(a.uid.String(), config("c"), read.Revision, "you"); err == nil {
		t.Error("the second of two operators replaces what the first one has set")
	}
	if _, _, err := a.fleet.SetShared(config("c"), 9, "you"); err == nil {
		t.Error("a revision that never was is replaced")
	}
}

func TestOneOfManyOperatorsAtOnceWins(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	var wins sync.Map
	var group sync.WaitGroup
	for operator := range 8 {
		group.Go(func() {
			if _, err := a.fleet.Set(a.uid.String(), config(fmt.Sprint("a", operator)), 0, "me"); err == nil {
				wins.Store(operator, true)
			}
		})
	}
	group.Wait()
	count := 0
	wins.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d operators have replaced the same revision, want 1", count)
	}
}

func TestSilentPollingAgentIsDisconnectedAndForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAgent(newTestFleet(), 1)
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { a.fleet.Run(ctx); close(done) }()
		a.hello(accepting)
		a.reportsEffective(collector.One("a: 1"))
		time.Sleep(silentAfter - time.Second)
		if got := a.status(t).Connection; got != Connected {
			t.Errorf("the agent is %s before its time", got)
		}
		time.Sleep(time.Second)
		if got := a.status(t).Connection; got != Disconnected {
			t.Errorf("the agent is %s", got)
		}
		time.Sleep(forgetAfter + 2*sweepInterval)
		if list := a.fleet.List(Query{Limit: 1}); list.Total != 0 {
			t.Errorf("agents are %v, want none", list)
		}
		if a.fleet.texts.bytes != 0 {
			t.Errorf("%d bytes of an agent are kept that is forgotten", a.fleet.texts.bytes)
		}
		end()
		<-done
	})
}

func TestConnectedAgentWithoutHeartbeatsIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const heartbeats = uint64(protobufs.AgentCapabilities_AgentCapabilities_ReportsHeartbeat)
		a, quiet := newAgent(newTestFleet(), 1), newAgent(newTestFleet(), 2)
		a.link, quiet.link = &Link{Sender: newSender()}, &Link{Sender: newSender()}
		a.hello(accepting | heartbeats)
		quiet.hello(accepting)
		time.Sleep(silentAfter)
		if got := a.status(t).Connection; got != Silent {
			t.Errorf("an agent that misses its heartbeats is %s", got)
		}
		if got := quiet.status(t).Connection; got != Connected {
			t.Errorf("an agent that promised none is %s", got)
		}
		a.send(nil)
		if got := a.status(t).Connection; got != Connected {
			t.Errorf("an agent that is back is %s", got)
		}
	})
}

func TestAgentThatPollsTooOftenIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, other := newAgent(newTestFleet(), 1), newAgent(newTestFleet(), 2)
		a.hello(accepting)
		for range pollBurst - 1 {
			if reply := a.send(nil); reply.ErrorResponse != nil {
				t.Fatalf("reply is %v", reply)
			}
		}
		reply := a.send(nil)
		if reply.ErrorResponse.GetType() != protobufs.ServerErrorResponseType_ServerErrorResponseType_Unavailable ||
			reply.ErrorResponse.GetRetryInfo().GetRetryAfterNanoseconds() == 0 {
			t.Errorf("reply is %v, want that the agent comes later", reply)
		}
		if other.hello(accepting).ErrorResponse != nil {
			t.Error("another agent is slowed down as well")
		}
		time.Sleep(time.Second)
		if a.send(nil).ErrorResponse != nil {
			t.Error("the agent is refused though it has waited")
		}
	})
}

func TestGoodbyeDisconnects(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	goodbye := func(m *protobufs.AgentToServer) { m.AgentDisconnect = &protobufs.AgentDisconnect{} }
	a.send(goodbye)
	if list := a.fleet.List(Query{Limit: 1}); list.Total != 0 {
		t.Errorf("agents are %v, want none: nobody was known", list)
	}
	a.hello(accepting)
	a.send(goodbye)
	if got := a.status(t).Connection; got != Disconnected {
		t.Errorf("the agent is %s", got)
	}
}

func TestGoodbyeIsForgottenSoonUnlessSomethingWasSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := newTestFleet()
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { fleet.Run(ctx); close(done) }()
		left, configured, lost := newAgent(fleet, 1), newAgent(fleet, 2), newAgent(fleet, 3)
		for _, a := range []*testAgent{left, configured, lost} {
			a.hello(accepting)
		}
		configured.set(t, config("a"))
		for _, a := range []*testAgent{left, configured} {
			a.send(func(m *protobufs.AgentToServer) { m.AgentDisconnect = &protobufs.AgentDisconnect{} })
		}
		time.Sleep(forgetAfterGoodbye - time.Second)
		left.status(t)
		time.Sleep(2 * sweepInterval)
		if _, err := fleet.Detail(left.uid.String()); err == nil {
			t.Error("an agent that said goodbye is kept")
		}
		configured.status(t)
		lost.status(t)
		end()
		<-done
	})
}

func TestHealthIsUnknownUntilReported(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	if healthy := a.status(t).Healthy; healthy != nil {
		t.Errorf("health is %t, want unknown", *healthy)
	}
	a.send(func(m *protobufs.AgentToServer) {
		m.Health = &protobufs.ComponentHealth{LastError: "out of memory"}
	})
	if status := a.status(t); status.Healthy == nil || *status.Healthy || status.HealthError != "out of memory" {
		t.Errorf("health is %v %q, want bad and the reason", status.Healthy, status.HealthError)
	}
}

func TestCapabilitiesHaveNames(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting | 1<<40)
	if got, want := a.status(t).Capabilities, []string{"ReportsStatus", "AcceptsRemoteConfig", "ReportsRemoteConfig"}; !slices.Equal(got, want) {
		t.Errorf("capabilities are %v, want %v", got, want)
	}
}

func TestEffectiveConfigKeepsItsFiles(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	for _, files := range []map[string]string{
		{"": "a: 1"},
		{"b.yaml": "b: 1\n", "a.yaml": "a: 1"},
		{},
	} {
		a.reportsEffective(files)
		detail, err := a.fleet.Detail(a.uid.String())
		if err != nil || len(detail.EffectiveFiles) != len(files) {
			t.Fatalf("files are %v (%v), want %v", detail.EffectiveFiles, err, files)
		}
		for name, text := range files {
			if detail.EffectiveFiles[name] != text {
				t.Errorf("%q is %q, want %q", name, detail.EffectiveFiles[name], text)
			}
		}
	}
	if a.fleet.texts.bytes != 0 {
		t.Errorf("%d bytes are kept that nobody reports any more", a.fleet.texts.bytes)
	}
}

func TestEqualReportsAreKeptOnceAndAllOfThemBounded(t *testing.T) {
	fleet := New(Limits{Agents: 10, EffectiveBytes: 400}, slog.New(slog.DiscardHandler))
	a, b, c := newAgent(fleet, 1), newAgent(fleet, 2), newAgent(fleet, 3)
	for _, agent := range []*testAgent{a, b, c} {
		agent.hello(accepting)
	}
	random := func(seed uint64) string {
		text := make([]byte, 300)
		_, _ = rand.NewChaCha8([32]byte{byte(seed)}).Read(text)
		return hex.EncodeToString(text)
	}
	text := random(1)
	a.reportsEffective(collector.One(text))
	once := fleet.texts.bytes
	b.reportsEffective(collector.One(text))
	if fleet.texts.bytes != once || once == 0 || once > len(text) {
		t.Errorf("%d bytes are kept of one text, and %d of two equal ones with %d bytes", once, fleet.texts.bytes, len(text))
	}
	c.reportsEffective(collector.One(random(2)))
	if status := c.status(t); !status.Effective.Omitted || status.Effective.Bytes != len(text) {
		t.Errorf("effective configuration is %+v, want one that is not kept", status.Effective)
	}
	detail, err := b.fleet.Detail(b.uid.String())
	if err != nil || detail.EffectiveFiles[""] != text {
		t.Errorf("effective configuration is %v (%v), want what was reported", detail.EffectiveFiles, err)
	}
}

func TestFullFleetTakesAnAgentForOneThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fleet := New(Limits{Agents: 2, EffectiveBytes: 100}, slog.New(slog.DiscardHandler))
		first, second, third := newAgent(fleet, 1), newAgent(fleet, 2), newAgent(fleet, 3)
		first.hello(accepting)
		second.link = &Link{Sender: newSender()}
		second.hello(accepting)
		time.Sleep(time.Second)
		if kind := third.hello(accepting).GetErrorResponse().GetType(); kind != protobufs.ServerErrorResponseType_ServerErrorResponseType_Unavailable {
			t.Errorf("reply is %v, want that there is no room", kind)
		}
		time.Sleep(silentAfter)
		if reply := third.hello(accepting); reply.GetErrorResponse() != nil {
			t.Errorf("reply is %v, want that the agent is taken", reply)
		}
		if _, err := fleet.Detail(first.uid.String()); err == nil {
			t.Error("the agent that is gone is kept")
		}
		second.status(t)
	})
}

func TestListIsPagedAndFiltered(t *testing.T) {
	fleet := newTestFleet()
	for last := range byte(5) {
		a := newAgent(fleet, 4-last)
		a.hello(accepting)
		a.send(func(m *protobufs.AgentToServer) {
			m.AgentDescription = &protobufs.AgentDescription{NonIdentifyingAttributes: []*protobufs.KeyValue{{
				Key:   "host.name",
				Value: &protobufs.AnyValue{Value: &protobufs.AnyValue_StringValue{StringValue: fmt.Sprint("Node-", 4-last)}},
			}}}
		})
	}
	var seen []string
	for after, pages := "", 0; pages == 0 || after != ""; pages++ {
		list := fleet.List(Query{After: after, Limit: 2})
		if list.Total != 5 || pages > 3 {
			t.Fatalf("page %d is %+v", pages, list)
		}
		for _, status := range list.Agents {
			seen = append(seen, status.Host)
		}
		after = list.Next
	}
	if want := []string{"Node-0", "Node-1", "Node-2", "Node-3", "Node-4"}; !slices.Equal(seen, want) {
		t.Errorf("agents are %v, want %v", seen, want)
	}
	newAgent(fleet, 2).set(t, config("a"))
	for name, test := range map[string]struct {
		query Query
		total int
	}{
		"text of the host": {Query{Text: "node-3"}, 1},
		"end of the UID":   {Query{Text: "0000000001"}, 1},
		"outcome":          {Query{Outcome: Pending}, 1},
		"connection":       {Query{Connection: Disconnected}, 0},
	} {
		test.query.Limit = 10
		if list := fleet.List(test.query); list.Total != test.total || len(list.Agents) != test.total {
			t.Errorf("%s: list is %+v, want %d agents", name, list, test.total)
		}
	}
}

func TestHistoryTellsWhoSetWhat(t *testing.T) {
	a := newAgent(newTestFleet(), 1)
	a.hello(accepting)
	a.set(t, config("a"))
	if _, _, err := a.fleet.SetShared(config("b"), AnyRevision, "you"); err != nil {
		t.Fatal(err)
	}
	a.set(t, nil)
	type change struct{ action, instance, by string }
	var got []change
	for _, entry := range a.fleet.History() {
		got = append(got, change{entry.Action, entry.Instance, entry.By})
	}
	want := []change{{"unset", a.uid.String(), "me"}, {"set", "", "you"}, {"set", a.uid.String(), "me"}}
	if !slices.Equal(got, want) {
		t.Errorf("history is %v, want %v", got, want)
	}
	if past := a.fleet.Past(config("a").Hash()); past == nil || past.Files()[""] != config("a").Files()[""] {
		t.Errorf("the past configuration is %v", past)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	var j journal
	for index := range 20 {
		large := collector.Trust(collector.One(fmt.Sprint(index) + strings.Repeat("x", 1<<20)))
		j.add(&target{config: large, revision: uint64(index)}, Entry{})
	}
	if size := j.size(); size > maxJournalBytes || len(j.entries) == 0 || j.entries[len(j.entries)-1].Revision != 19 {
		t.Errorf("%d bytes in %d entries, want the newest up to %d", size, len(j.entries), maxJournalBytes)
	}
	for index := range 2 * maxEntries {
		j.add(&target{config: config("a"), revision: uint64(index)}, Entry{})
	}
	if len(j.entries) != maxEntries || len(j.configs) != 1 {
		t.Errorf("%d entries with %d configurations, want %d with one", len(j.entries), len(j.configs), maxEntries)
	}
}
