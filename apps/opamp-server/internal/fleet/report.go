package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/open-telemetry/opamp-go/protobufs"
)

// Agents decide what they report; this much of it is kept.
const (
	maxReportedText  = 1 << 10
	maxReportedHash  = 64
	maxReportedFiles = 32
)

func identify(description *protobufs.AgentDescription) identity {
	return identity{
		kind:    attribute(description.IdentifyingAttributes, "service.name"),
		version: attribute(description.IdentifyingAttributes, "service.version"),
		host:    attribute(description.NonIdentifyingAttributes, "host.name"),
	}
}

func attribute(attributes []*protobufs.KeyValue, key string) string {
	for _, attribute := range attributes {
		if attribute.GetKey() == key {
			return shorten(attribute.GetValue().GetStringValue())
		}
	}
	return ""
}

// shorten also copies: a part of a message would keep all of it.
func shorten(text string) string {
	if len(text) > maxReportedText {
		return strings.ToValidUTF8(text[:maxReportedText], "") + "…"
	}
	return strings.Clone(text)
}

func shortenBytes(hash []byte) []byte {
	return slices.Clone(hash[:min(len(hash), maxReportedHash)])
}

func newEffective(files map[string]*protobufs.AgentConfigFile, kept *texts) *effective {
	e := &effective{files: map[string]*text{}}
	sum := sha256.New()
	for index, name := range slices.Sorted(maps.Keys(files)) {
		body := files[name].GetBody()
		e.bytes += len(body)
		sum.Write([]byte(name + "\x00"))
		sum.Write(body)
		if index >= maxReportedFiles || len(name) > maxReportedText {
			e.omitted = true
			continue
		}
		if text := kept.keep(body); text != nil {
			e.files[strings.Clone(name)] = text
		} else {
			e.omitted = true
		}
	}
	e.hash = hex.EncodeToString(sum.Sum(nil))
	if len(e.files) == 1 && !e.omitted {
		for _, text := range e.files {
			e.hash = text.hexHash()
		}
	}
	return e
}

func (e *effective) release(kept *texts) {
	if e == nil {
		return
	}
	for _, text := range e.files {
		kept.release(text)
	}
}

func (e *effective) texts() map[string]string {
	files := map[string]string{}
	if e != nil {
		for name, text := range e.files {
			files[name] = text.body
		}
	}
	return files
}

func (e *effective) names() []string {
	return slices.Sorted(maps.Keys(e.files))
}
