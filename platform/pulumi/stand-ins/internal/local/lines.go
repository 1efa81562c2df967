package local

import "bytes"

// longestLine is how much of a line is logged. The rest is dropped and never kept waiting: a reader with a limit would
// stop at such a line, and the command would then block on a pipe that nobody empties.
const longestLine = 4 << 10

// lines is a writer that logs what it is given line by line.
type lines struct {
	log  func(string)
	line []byte
}

func (l *lines) Write(output []byte) (int, error) {
	rest := output
	for {
		part, after, ended := bytes.Cut(rest, []byte{'\n'})
		l.line = append(l.line, part[:min(len(part), longestLine+1-len(l.line))]...)
		if !ended {
			return len(output), nil
		}
		l.end()
		rest = after
	}
}

// flush logs a last line that has no newline.
func (l *lines) flush() {
	if len(l.line) > 0 {
		l.end()
	}
}

func (l *lines) end() {
	if len(l.line) > longestLine {
		l.line = append(l.line[:longestLine], "…"...)
	}
	l.log(text(l.line))
	l.line = l.line[:0]
}
