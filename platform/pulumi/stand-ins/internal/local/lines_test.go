package local

import (
	"reflect"
	"strings"
	"testing"
)

func TestLinesAreLoggedWhole(t *testing.T) {
	var logged []string
	out := &lines{log: func(line string) { logged = append(logged, line) }}
	for _, piece := range []string{"one\ntw", "o\n\nthr", "ee"} {
		if n, err := out.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(piece), err)
		}
	}
	out.flush()
	out.flush()
	if want := []string{"one", "two", "", "three"}; !reflect.DeepEqual(logged, want) {
		t.Errorf("logged %q, want %q", logged, want)
	}
}

func TestTheRestOfALongLineIsDropped(t *testing.T) {
	var logged []string
	out := &lines{log: func(line string) { logged = append(logged, line) }}
	fits, long := strings.Repeat("x", longestLine), strings.Repeat("y", 3*longestLine)
	for _, piece := range []string{fits + "\n", long, long, "\nnext\n"} {
		if n, err := out.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d of %d: %v", n, len(piece), err)
		}
	}
	if want := []string{fits, long[:longestLine] + "…", "next"}; !reflect.DeepEqual(logged, want) {
		t.Errorf("logged %d lines, not the three as they should be", len(logged))
	}
}

func TestWhatIsNotTextIsMadeText(t *testing.T) {
	if got := text([]byte("a\xffb")); got != "a\uFFFDb" {
		t.Errorf("text is %q", got)
	}
}
