package fleet

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"
	"golang.org/x/time/rate"
)

const (
	// Agents report every 30 s unless told otherwise; three missed reports mean that one is gone, or hangs.
	silentAfter = 90 * time.Second
	// An agent whose numbers never fit would otherwise send its full state in answer to every reply.
	askInterval = 10 * time.Second
	// Messages a second of an agent that polls, and how many more at once; a connection is bounded by whoever reads it.
	pollRate  = 2
	pollBurst = 20
	// For so long after two agents with one UID were heard, both are said to be doubtful.
	duplicateFor = 10 * time.Minute
)

type agent struct {
	id uuid.UUID

	mu sync.Mutex
	// link is nil for agents that poll over plain HTTP: nothing can be pushed to them.
	link     *Link
	lastSeen time.Time
	gone     bool
	polls    bool
	// saidGoodbye tells that it is gone by its own will.
	saidGoodbye bool
	// polling bounds how often an agent is answered that polls; nil until it does.
	polling *rate.Limiter
	// forgotten agents are no longer in the fleet.
	forgotten bool

	sequence uint64
	// other is the last number before the newest gap: an agent that goes on from there is a second one with the same UID.
	other       uint64
	gaps        bool
	incomplete  bool
	askedAt     time.Time
	duplicateAt time.Time

	capabilities protobufs.AgentCapabilities
	known        identity
	health       *health
	effective    *effective
	reported     *protobufs.RemoteConfigStatus
	reportedAt   time.Time
	wanted       *attempt
}

// identity is what is shown of an agent's description.
type identity struct{ kind, version, host string }

type health struct {
	healthy bool
	message string
}

// effective is the configuration that an agent says it runs.
type effective struct {
	hash  [sha256.Size]byte
	files []file
	// omitted tells that there was no room for the texts.
	omitted bool
	bytes   int
}

type file struct {
	name string
	*text
}

// sequenceOf checks the number of a message, which is one more than that of the message before unless one was lost, the agent was
// started again, or another agent has the same UID. It returns false for a message of the latter.
func (a *agent) sequenceOf(message *protobufs.AgentToServer, now time.Time) bool {
	number, complete := message.SequenceNum, message.AgentDescription != nil
	switch {
	case number == a.sequence+1:
		a.incomplete = a.incomplete && !complete
	case a.gaps && number == a.other+1:
		a.duplicateAt = now
		a.gaps = false
		return false
	default:
		a.other, a.gaps = a.sequence, true
		started := number <= 1 && complete
		a.incomplete = !started
	}
	a.sequence = number
	return true
}

// tooOften tells whether an agent polls more than it may.
func (a *agent) tooOften(link *Link, now time.Time) bool {
	if link != nil {
		return false
	}
	if a.polling == nil {
		a.polling = rate.NewLimiter(pollRate, pollBurst)
	}
	return !a.polling.AllowN(now, 1)
}

// asksForFullState tells whether to ask, and takes note of it.
func (a *agent) asksForFullState(now time.Time) bool {
	if !a.incomplete || now.Sub(a.askedAt) < askInterval {
		return false
	}
	a.askedAt = now
	return true
}

// report merges a message, which carries only what has changed since the previous one.
func (a *agent) report(message *protobufs.AgentToServer, kept *texts, now time.Time) {
	a.lastSeen = now
	a.saidGoodbye = message.AgentDisconnect != nil
	a.gone = a.saidGoodbye
	if message.Capabilities != 0 {
		a.capabilities = protobufs.AgentCapabilities(message.Capabilities)
	}
	if message.AgentDescription != nil {
		a.known = identify(message.AgentDescription)
	}
	if message.Health != nil {
		a.health = &health{message.Health.Healthy, shorten(message.Health.LastError)}
	}
	if message.EffectiveConfig != nil {
		a.keepEffective(message.EffectiveConfig, kept)
	}
	if status := message.RemoteConfigStatus; status != nil {
		a.reported = &protobufs.RemoteConfigStatus{
			LastRemoteConfigHash: shortenBytes(status.LastRemoteConfigHash),
			Status:               status.Status,
			ErrorMessage:         shorten(status.ErrorMessage),
		}
		a.reportedAt = now
		if a.wanted != nil && a.wanted.config != nil {
			a.wanted.answer(a.reported, now)
		}
	}
}

func (a *agent) keepEffective(reported *protobufs.EffectiveConfig, kept *texts) {
	before := a.effective
	files := reported.GetConfigMap().GetConfigMap()
	a.effective = newEffective(files, kept)
	// Released last, so that a text that stays is not made anew.
	before.release(kept)
}

// connect takes note of the connection that the agent speaks through.
func (a *agent) connect(link *Link) {
	a.polls = link == nil
	if a.link != link {
		a.link = link
		if a.wanted != nil {
			a.wanted.reconnect()
		}
	}
}

func (a *agent) has(capability protobufs.AgentCapabilities) bool {
	return a.capabilities&capability != 0
}

func (a *agent) acceptsConfig() bool {
	return a.has(protobufs.AgentCapabilities_AgentCapabilities_AcceptsRemoteConfig)
}

func (a *agent) connection(now time.Time) Connection {
	late := now.Sub(a.lastSeen) >= silentAfter
	switch {
	case a.gone || a.link == nil && late:
		return Disconnected
	case late && a.has(protobufs.AgentCapabilities_AgentCapabilities_ReportsHeartbeat):
		return Silent
	}
	return Connected
}

// want sets the target unless a newer one is there, and returns whether it did.
func (a *agent) want(wanted *target, now time.Time) bool {
	if a.wanted != nil && a.wanted.revision >= wanted.revision {
		return false
	}
	a.wanted = newAttempt(wanted, a.reported, now)
	return true
}

// offer returns the wanted configuration if it is time for it.
func (a *agent) offer(now time.Time) *protobufs.AgentRemoteConfig {
	// An agent whose state has been asked for may have it already.
	unknown := a.incomplete && a.reported == nil
	if a.wanted == nil || unknown || !a.acceptsConfig() || !a.wanted.due(now) {
		return nil
	}
	return a.wanted.offer(now)
}
