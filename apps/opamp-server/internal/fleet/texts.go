package fleet

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"io"
	"strings"
	"sync"
)

// texts keeps what agents report. Equal texts are kept once, and all of them compressed: supervisors put the instance UID into each
// effective configuration, so those of a fleet are alike, but not equal. Together they stay below a number of bytes, whatever agents send.
type texts struct {
	writers sync.Pool

	mu     sync.Mutex
	byHash map[[sha256.Size]byte]*text
	bytes  int
	max    int
}

type text struct {
	hash   [sha256.Size]byte
	packed []byte
	uses   int
}

func newTexts(maxBytes int) *texts {
	return &texts{byHash: map[[sha256.Size]byte]*text{}, max: maxBytes}
}

// keep returns the kept text of body, or nil where there is no room for it. Each one that is returned is released once.
func (t *texts) keep(body []byte) *text {
	hash := sha256.Sum256(body)
	if kept := t.use(hash, nil); kept != nil {
		return kept
	}
	return t.use(hash, t.pack(body))
}

// use returns the kept text with the hash, which is packed where it is new.
func (t *texts) use(hash [sha256.Size]byte, packed []byte) *text {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept, ok := t.byHash[hash]
	if !ok {
		if packed == nil || t.bytes+len(packed) > t.max {
			return nil
		}
		kept = &text{hash: hash, packed: packed}
		t.byHash[hash] = kept
		t.bytes += len(packed)
	}
	kept.uses++
	return kept
}

func (t *texts) pack(body []byte) []byte {
	var packed bytes.Buffer
	writer, ok := t.writers.Get().(*flate.Writer)
	if ok {
		writer.Reset(&packed)
	} else {
		// The level is one that exists, which is all that can be wrong.
		writer, _ = flate.NewWriter(&packed, flate.BestSpeed)
	}
	defer t.writers.Put(writer)
	// A buffer takes everything.
	_, _ = writer.Write(body)
	_ = writer.Close()
	return bytes.Clone(packed.Bytes())
}

func (t *texts) release(kept *text) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept.uses--; kept.uses == 0 {
		delete(t.byHash, kept.hash)
		t.bytes -= len(kept.packed)
	}
}

func (t *text) body() string {
	var body strings.Builder
	// It is what pack has made.
	_, _ = io.Copy(&body, flate.NewReader(bytes.NewReader(t.packed)))
	return body.String()
}
