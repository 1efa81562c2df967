// Package fleet knows the OpAMP agents, what they report and which configuration each of them is to run.
package fleet

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/open-telemetry/opamp-go/protobufs"

	"tinyolly.dev/apps/opamp-server/internal/collector"
)

const (
	forgetAfter = 24 * time.Hour
	// Many agents make a new UID at each start: one that said goodbye, and for which nothing was set, will not come back.
	forgetAfterGoodbye = 10 * time.Minute
	sweepInterval      = time.Minute
	// As many pushes run at once; each holds a copy of the configuration.
	maxPushes = 64
)

// Limits bound what agents can make the fleet keep.
type Limits struct {
	// Agents is the number of agents, connected or not.
	Agents int
	// EffectiveBytes is the size of all reported configurations; equal ones count once.
	EffectiveBytes int
}

// Fleet holds every agent seen within the last day. It is safe for concurrent use.
//
// Locks are taken in this order: the one of a Sender, that of the fleet, that of an agent, those of texts and journal.
type Fleet struct {
	logger   *slog.Logger
	limits   Limits
	texts    *texts
	journal  journal
	revision atomic.Uint64
	pushes   chan struct{}
	changed  chan struct{}

	mu     sync.RWMutex
	agents map[uuid.UUID]*agent
	// shared is for agents that are yet to come; nil until somebody sets it.
	shared  *target
	evicted time.Time
}

// Link is a connection through which the fleet can speak first. One goroutine at a time may call Receive and Disconnect with it.
type Link struct {
	Sender
	agents []*agent
}

// Sender sends what next returns, unless that is nil. It calls next while nothing else is being sent, so that messages arrive in the
// order in which they were made.
type Sender interface {
	Push(next func() *protobufs.ServerToAgent)
	Close()
}

// New returns a fleet without agents.
func New(limits Limits, logger *slog.Logger) *Fleet {
	return &Fleet{
		logger:  logger,
		limits:  limits,
		texts:   newTexts(limits.EffectiveBytes),
		pushes:  make(chan struct{}, maxPushes),
		changed: make(chan struct{}, 1),
		agents:  map[uuid.UUID]*agent{},
	}
}

// Run forgets agents that are long gone, until ctx is done.
func (f *Fleet) Run(ctx context.Context) {
	ticker := time.NewTicker(sweepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			f.forget(func(a *agent) bool {
				away := now.Sub(a.lastSeen)
				return away > forgetAfter || a.saidGoodbye && a.wanted == nil && away > forgetAfterGoodbye
			}, now)
		}
	}
}

// forget removes agents that are not connected and match.
func (f *Fleet) forget(matches func(*agent) bool, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.agents, func(_ uuid.UUID, a *agent) bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.forgotten = a.connection(now) == Disconnected && matches(a)
		if a.forgotten {
			a.effective.release(f.texts)
		}
		return a.forgotten
	})
}

// Receive takes a message and returns the reply, or nil where there is none. link is nil for a message that came by plain HTTP.
func (f *Fleet) Receive(link *Link, message *protobufs.AgentToServer) *protobufs.ServerToAgent {
	id, err := uuid.FromBytes(message.InstanceUid)
	if err != nil {
		return refuse(message, protobufs.ServerErrorResponseType_ServerErrorResponseType_BadRequest, "instance_uid is not 16 bytes long")
	}
	if message.Flags&uint64(protobufs.AgentToServerFlags_AgentToServerFlags_RequestInstanceUid) != 0 {
		return identifyAnew(message)
	}
	now := time.Now()
	known, shared := f.lock(id, message, now)
	if known == nil {
		if message.AgentDisconnect != nil {
			return nil
		}
		return unavailable(message, "the server has as many agents as it can keep")
	}
	defer known.mu.Unlock()
	if known.tooOften(link, now) {
		return unavailable(message, "the agent polls too often")
	}
	if !known.sequenceOf(message, now) {
		f.logger.Warn("two agents have one instance UID, and one of them is given another", "instance", id.String())
		return identifyAnew(message)
	}
	if link != nil && known.link != link && !slices.Contains(link.agents, known) {
		link.agents = append(link.agents, known)
	}
	known.connect(link)
	before := known.outcome()
	known.report(message, f.texts, now)
	if known.gone {
		known.link = nil
		return nil
	}
	if known.wanted == nil && shared != nil && known.acceptsConfig() {
		known.want(shared, now)
	}
	reply := newReply(message.InstanceUid, known.offer(now))
	if known.asksForFullState(now) {
		reply.Flags = uint64(protobufs.ServerToAgentFlags_ServerToAgentFlags_ReportFullState)
	}
	if known.outcome() != before {
		f.markChanged()
	}
	return reply
}

// lock returns the locked agent of a message, which may be new, or nil where there is none.
func (f *Fleet) lock(id uuid.UUID, message *protobufs.AgentToServer, now time.Time) (*agent, *target) {
	for {
		known, shared := f.find(id)
		if known == nil && message.AgentDisconnect == nil {
			known, shared = f.admit(id, message, now)
		}
		if known == nil {
			return nil, nil
		}
		known.mu.Lock()
		if !known.forgotten {
			return known, shared
		}
		// It was forgotten since it was found.
		known.mu.Unlock()
	}
}

func (a *agent) outcome() Outcome {
	if a.wanted == nil {
		return ""
	}
	return a.wanted.outcome
}

func (f *Fleet) find(id uuid.UUID) (*agent, *target) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.agents[id], f.shared
}

// admit adds an agent; in a full fleet only in the place of one that is gone.
func (f *Fleet) admit(id uuid.UUID, message *protobufs.AgentToServer, now time.Time) (*agent, *target) {
	f.mu.Lock()
	full := f.agents[id] == nil && len(f.agents) >= f.limits.Agents
	evict := full && now.Sub(f.evicted) >= time.Second
	if evict {
		f.evicted = now
	}
	f.mu.Unlock()
	if evict {
		f.forget(f.longestGone(now), now)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if known, ok := f.agents[id]; ok {
		return known, f.shared
	}
	if len(f.agents) >= f.limits.Agents {
		return nil, nil
	}
	known := &agent{id: id, sequence: message.SequenceNum - 1, incomplete: message.AgentDescription == nil}
	f.agents[id] = known
	f.logger.Info("agent appeared", "instance", id.String())
	return known, f.shared
}

// longestGone matches a tenth of the agents that are gone, so that a full fleet is not searched for each new agent.
func (f *Fleet) longestGone(now time.Time) func(*agent) bool {
	var gone []time.Time
	for _, a := range f.all() {
		a.mu.Lock()
		if a.connection(now) == Disconnected {
			gone = append(gone, a.lastSeen)
		}
		a.mu.Unlock()
	}
	if len(gone) == 0 {
		return func(*agent) bool { return false }
	}
	slices.SortFunc(gone, time.Time.Compare)
	last := gone[len(gone)/10]
	return func(a *agent) bool { return !a.lastSeen.After(last) }
}

// Disconnect marks the agents of a connection that has ended, but not those that came back through another one.
func (f *Fleet) Disconnect(link *Link) {
	for _, known := range link.agents {
		known.mu.Lock()
		if known.link == link {
			known.link = nil
			known.gone = true
			f.logger.Info("agent disconnected", "instance", known.id.String())
		}
		known.mu.Unlock()
	}
}

// Close ends all connections; agents then look for the next server by themselves.
func (f *Fleet) Close() {
	for _, known := range f.all() {
		known.mu.Lock()
		link := known.link
		known.mu.Unlock()
		if link != nil {
			link.Close()
		}
	}
}

// all returns the agents in the order of their UIDs.
func (f *Fleet) all() []*agent {
	f.mu.RLock()
	all := slices.Collect(maps.Values(f.agents))
	f.mu.RUnlock()
	slices.SortFunc(all, func(a, b *agent) int { return slices.Compare(a.id[:], b.id[:]) })
	return all
}

func (f *Fleet) markChanged() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Set makes config, or none where it is nil, the one of an instance, and pushes it if the agent is connected. before is the revision
// that it is to replace, AnyRevision for whatever there is.
func (f *Fleet) Set(instance string, config *collector.Config, before uint64, by string) (Setting, error) {
	known, err := f.lookUp(instance)
	if err != nil {
		return Setting{}, err
	}
	f.mu.RLock()
	shared := f.shared
	f.mu.RUnlock()

	known.mu.Lock()
	if config != nil && !known.acceptsConfig() {
		known.mu.Unlock()
		return Setting{}, ReadOnlyInstanceError{instance}
	}
	if is := known.revision(); before != AnyRevision && before != is {
		known.mu.Unlock()
		return Setting{}, ConflictError{before, is}
	}
	action := Entry{Action: ActionSet, Instance: instance, Agents: 1}
	if config == nil {
		action.Action = ActionUnset
		if shared != nil && known.acceptsConfig() {
			config = shared.config
		}
	}
	wanted := f.newTarget(config, by)
	known.want(wanted, wanted.at)
	known.mu.Unlock()

	f.record(wanted, action)
	f.push([]*agent{known})
	return wanted.setting(), nil
}

// SetShared makes config the one of all agents that accept it, also of those that connect later, and pushes it to the connected ones. Where
// config is nil, agents keep what they have, and later ones get nothing. It returns the instances that accept it.
func (f *Fleet) SetShared(config *collector.Config, before uint64, by string) (Setting, []string, error) {
	f.mu.Lock()
	if is := f.shared.setting().Revision; before != AnyRevision && before != is {
		f.mu.Unlock()
		return Setting{}, nil, ConflictError{before, is}
	}
	wanted := f.newTarget(config, by)
	f.shared = wanted
	f.mu.Unlock()

	instances, reached := []string{}, []*agent{}
	if config != nil {
		for _, known := range f.all() {
			known.mu.Lock()
			if known.acceptsConfig() {
				known.want(wanted, wanted.at)
				instances, reached = append(instances, known.id.String()), append(reached, known)
			}
			known.mu.Unlock()
		}
	}
	entry := Entry{Action: ActionSet, Agents: len(instances)}
	if config == nil {
		entry.Action = ActionUnset
	}
	f.record(wanted, entry)
	f.push(reached)
	return wanted.setting(), instances, nil
}

func (f *Fleet) newTarget(config *collector.Config, by string) *target {
	return &target{config, f.revision.Add(1), by, time.Now()}
}

func (f *Fleet) record(wanted *target, entry Entry) {
	f.journal.add(wanted, entry)
	f.markChanged()
}

// push offers agents what they are to have by now.
func (f *Fleet) push(reached []*agent) {
	go func() {
		for _, known := range reached {
			known.mu.Lock()
			link := known.link
			known.mu.Unlock()
			if link == nil {
				continue
			}
			f.pushes <- struct{}{}
			go func() {
				defer func() { <-f.pushes }()
				link.Push(func() *protobufs.ServerToAgent { return f.next(known, link) })
			}()
		}
	}()
}

func (f *Fleet) next(known *agent, link *Link) *protobufs.ServerToAgent {
	known.mu.Lock()
	defer known.mu.Unlock()
	if known.link != link {
		return nil
	}
	offer := known.offer(time.Now())
	if offer == nil {
		return nil
	}
	f.markChanged()
	return newReply(known.id[:], offer)
}

func (f *Fleet) lookUp(instance string) (*agent, error) {
	id, err := uuid.Parse(instance)
	if err != nil {
		return nil, UnknownInstanceError{instance}
	}
	known, _ := f.find(id)
	if known == nil {
		return nil, UnknownInstanceError{instance}
	}
	return known, nil
}
