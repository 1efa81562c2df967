package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// texts keeps what agents report. Most agents of a fleet run the same few configurations, so equal texts are kept once; together they
// stay below a number of bytes, whatever agents send.
type texts struct {
	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*text
	bytes  int
	max    int
}

type text struct {
	hash [sha256.Size]byte
	body string
	uses int
}

func newTexts(maxBytes int) *texts {
	return &texts{byHash: map[[sha256.Size]byte]*text{}, max: maxBytes}
}

// keep returns the kept text of body, or nil where there is no room for it. Each one that is returned is released once.
func (t *texts) keep(body []byte) *text {
	hash := sha256.Sum256(body)
	t.mu.Lock()
	defer t.mu.Unlock()
	kept, ok := t.byHash[hash]
	if !ok {
		if t.bytes+len(body) > t.max {
			return nil
		}
		kept = &text{hash: hash, body: string(body)}
		t.byHash[hash] = kept
		t.bytes += len(body)
	}
	kept.uses++
	return kept
}

func (t *texts) release(kept *text) {
	if kept == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept.uses--; kept.uses == 0 {
		delete(t.byHash, kept.hash)
		t.bytes -= len(kept.body)
	}
}

func (t *text) hexHash() string {
	return hex.EncodeToString(t.hash[:])
}
