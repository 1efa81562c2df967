package fleet

import (
	"crypto/sha256"
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
	e := &effective{}
	sum := sha256.New()
	for index, name := range slices.Sorted(maps.Keys(files)) {
		body := files[name].GetBody()
		e.bytes += len(body)
		sum.Write([]byte(name + "\x00"))
		sum.Write(body)
		if len(files) == 1 {
			e.hash = sha256.Sum256(body)
		}
		var text *text
		if index < maxReportedFiles && len(name) <= maxReportedText {
			text = kept.keep(body)
		}
		if text == nil {
			e.omitted = true
			continue
		}
		e.files = append(e.files, file{strings.Clone(name), text})
	}
	if len(files) != 1 {
		sum.Sum(e.hash[:0])
	}
	return e
}

func (e *effective) release(kept *texts) {
	if e == nil {
		return
	}
	for _, file := range e.files {
		kept.release(file.text)
	}
}

func (e *effective) texts() map[string]string {
	files := map[string]string{}
	if e != nil {
		for _, file := range e.files {
			files[file.name] = file.body()
		}
	}
	return files
}

func (e *effective) names() []string {
	names := make([]string, 0, len(e.files))
	for _, file := range e.files {
		names = append(names, file.name)
	}
	return names
}
