package opamp

import (
	"errors"
	"fmt"

	"github.com/open-telemetry/opamp-go/protobufs"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Two bytes on the wire can become an object of a hundred, so all but the texts of configurations has a smaller limit.
const (
	maxStructureSize = 256 << 10
	maxConfigFiles   = 256
	maxNesting       = 32
)

func decode(content []byte, message *protobufs.AgentToServer) error {
	if err := checkStructure(content); err != nil {
		return err
	}
	options := proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxNesting}
	if err := options.Unmarshal(content, message); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	return nil
}

func checkStructure(content []byte) error {
	const effectiveConfig, configMap, file = 6, 1, 1
	structure, files := 0, 0
	var walk func(content []byte, path ...protowire.Number) error
	// Walks down path, and counts what lies beside it.
	walk = func(content []byte, path ...protowire.Number) error {
		for len(content) > 0 {
			number, kind, tag := protowire.ConsumeTag(content)
			if tag < 0 {
				return fmt.Errorf("decode message: %w", protowire.ParseError(tag))
			}
			value := protowire.ConsumeFieldValue(number, kind, content[tag:])
			if value < 0 {
				return fmt.Errorf("decode message: %w", protowire.ParseError(value))
			}
			field := content[tag : tag+value]
			content = content[tag+value:]
			switch {
			case number != path[0] || kind != protowire.BytesType:
				structure += tag + value
			case len(path) == 1:
				files++
			default:
				inner, _ := protowire.ConsumeBytes(field)
				if err := walk(inner, path[1:]...); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk(content, effectiveConfig, configMap, file); err != nil {
		return err
	}
	if structure > maxStructureSize {
		return fmt.Errorf("the message has %d bytes beside the effective configuration, and at most %d are taken", structure, maxStructureSize)
	}
	if files > maxConfigFiles {
		return errors.New("the effective configuration has too many files")
	}
	return nil
}
