package fleet

import (
	"fmt"
	"time"

	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

const (
	offerInterval = 30 * time.Second
	// An agent that never answers, or takes a configuration and drops it again, is not offered it for ever.
	maxOffers = 5
	// An agent that drops what it has run for this long has lost its state, and is offered it afresh.
	steadyAfter = time.Hour
)

// Outcome is what became of a configuration that was set.
type Outcome string

const (
	// Pending is not offered yet: the agent is away, or has to tell its state first.
	Pending Outcome = "PENDING"
	// Offered is sent and without an answer.
	Offered  Outcome = "OFFERED"
	Applying Outcome = "APPLYING"
	Applied  Outcome = "APPLIED"
	// Failed is the end: nothing but setting a configuration again leads out of it.
	Failed Outcome = "FAILED"
)

// target is a configuration that somebody set, for one agent or for all. It never changes.
type target struct {
	// config is nil where a configuration was taken away again.
	config   *collector.Config
	revision uint64
	by       string
	at       time.Time
}

// attempt is the way of a target to one agent.
type attempt struct {
	*target
	outcome   Outcome
	message   string
	changedAt time.Time
	offers    int
	offeredAt time.Time
}

func newAttempt(wanted *target, reported *protobufs.RemoteConfigStatus, now time.Time) *attempt {
	a := &attempt{target: wanted, outcome: Pending, changedAt: now}
	if wanted.config != nil && reported.GetStatus() == protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED {
		a.answer(reported, now)
	}
	return a
}

func (a *attempt) become(outcome Outcome, message string, now time.Time) {
	if a.outcome != outcome || a.message != message {
		a.outcome, a.message, a.changedAt = outcome, message, now
	}
}

// answer takes what the agent says about its remote configuration.
func (a *attempt) answer(reported *protobufs.RemoteConfigStatus, now time.Time) {
	if !a.config.Matches(reported.GetLastRemoteConfigHash()) {
		a.leave(now)
		return
	}
	switch reported.GetStatus() {
	case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLIED:
		a.become(Applied, "", now)
	case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_APPLYING:
		if a.outcome != Failed {
			a.become(Applying, "", now)
		}
	case protobufs.RemoteConfigStatuses_RemoteConfigStatuses_FAILED:
		// What was not offered yet cannot have failed: the agent speaks of an earlier attempt.
		if a.offers > 0 {
			a.become(Failed, reported.GetErrorMessage(), now)
		}
	}
}

// leave takes note that the agent has another configuration. One that was about to apply this one has rolled back; its FAILED can be
// missing, since clients send only the newest of two states. One that had applied it has lost its state.
func (a *attempt) leave(now time.Time) {
	switch a.outcome {
	case Applying:
		a.become(Failed, "the agent went back to another configuration without a reason", now)
	case Applied:
		if now.Sub(a.changedAt) >= steadyAfter {
			a.offers = 0
		}
		a.become(Pending, "", now)
	case Pending, Offered, Failed:
	}
}

// due tells whether to offer the configuration now. An unanswered offer is repeated, but not in reply to every message: an agent that
// answers each offer would never rest.
func (a *attempt) due(now time.Time) bool {
	unanswered := a.outcome == Offered && now.Sub(a.offeredAt) >= offerInterval
	if a.config == nil || a.outcome != Pending && !unanswered {
		return false
	}
	if a.offers >= maxOffers {
		a.become(Failed, fmt.Sprintf("the agent did not keep the configuration after %d offers", maxOffers), now)
		return false
	}
	return true
}

func (a *attempt) offer(now time.Time) *protobufs.AgentRemoteConfig {
	a.offers++
	a.offeredAt = now
	a.become(Offered, "", now)
	return a.config.Remote()
}

// reconnect has an unanswered offer repeated at once: it may have been lost with the older connection.
func (a *attempt) reconnect() {
	if a.outcome == Offered {
		a.offeredAt = time.Time{}
	}
}
