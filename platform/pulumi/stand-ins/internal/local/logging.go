package local

import "github.com/pulumi/pulumi-go-provider/infer"

// Logging says which streams of a command are shown while it runs. They are captured in any case.
type Logging string

const (
	logNone            Logging = "none"
	logStdout          Logging = "stdout"
	logStderr          Logging = "stderr"
	logStdoutAndStderr Logging = "stdoutAndStderr"
)

// Values lists what the input may be.
func (Logging) Values() []infer.EnumValue[Logging] {
	return []infer.EnumValue[Logging]{
		{Name: string(logNone), Value: logNone, Description: "Show nothing."},
		{Name: string(logStdout), Value: logStdout, Description: "Show standard output."},
		{Name: string(logStderr), Value: logStderr, Description: "Show standard error."},
		{Name: string(logStdoutAndStderr), Value: logStdoutAndStderr, Description: "Show both."},
	}
}

func (l *Logging) stdout() bool {
	return l == nil || *l == logStdout || *l == logStdoutAndStderr
}

func (l *Logging) stderr() bool {
	return l == nil || *l == logStderr || *l == logStdoutAndStderr
}
