package fleet

import "fmt"

// UnknownInstanceError names an instance that no agent has reported.
type UnknownInstanceError struct{ Instance string }

func (e UnknownInstanceError) Error() string {
	return fmt.Sprintf("no agent has the instance UID %q", e.Instance)
}

// ReadOnlyInstanceError names an agent that reports but does not accept remote configuration.
type ReadOnlyInstanceError struct{ Instance string }

func (e ReadOnlyInstanceError) Error() string {
	return fmt.Sprintf("the agent %q does not accept remote configuration", e.Instance)
}

// ConflictError tells that somebody else has set another configuration meanwhile.
type ConflictError struct{ Expected, Is uint64 }

func (e ConflictError) Error() string {
	return fmt.Sprintf("the configuration has revision %d by now, not %d: read it again, and then set yours", e.Is, e.Expected)
}
