package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/condition"
)

// interval is how often an object is looked at while something waits for it.
const interval = 500 * time.Millisecond

// Wait returns once all conditions hold, or with an error that names the first that does not once ctx is done. It
// returns the object as it was seen last in either case. What it waits for goes to report.
func (c *Client) Wait(
	ctx context.Context, obj *unstructured.Unstructured, conditions []condition.Condition, report func(string),
) (*unstructured.Unstructured, error) {
	live := obj
	err := every(ctx, report, func() (string, error) {
		seen, err := c.Get(ctx, obj)
		if IsGone(err) {
			return "", errors.New("the object was deleted meanwhile")
		}
		if err != nil {
			return fmt.Sprintf("an answer of the API server: %v", err), nil
		}
		live = seen
		return unmet(seen, conditions), nil
	})
	return live, err
}

func unmet(obj *unstructured.Unstructured, conditions []condition.Condition) string {
	for _, condition := range conditions {
		if holds, actual := condition.Holds(obj.Object); !holds {
			return fmt.Sprintf("%s, which is %s", condition.Text, actual)
		}
	}
	return ""
}

// Delete deletes an object with what depends on it, as propagation says, and returns once it is gone.
func (c *Client) Delete(
	ctx context.Context, obj *unstructured.Unstructured, propagation metav1.DeletionPropagation, report func(string),
) error {
	objects, err := c.resource(obj)
	if err != nil {
		return err
	}
	live, err := objects.Get(ctx, obj.GetName(), metav1.GetOptions{})
	if err != nil {
		return err
	}
	uid := live.GetUID()
	err = objects.Delete(ctx, obj.GetName(), metav1.DeleteOptions{
		PropagationPolicy: &propagation,
		Preconditions:     &metav1.Preconditions{UID: &uid},
	})
	if err != nil {
		return err
	}
	return every(ctx, report, func() (string, error) {
		live, err := objects.Get(ctx, obj.GetName(), metav1.GetOptions{})
		switch {
		case IsGone(err) || err == nil && live.GetUID() != uid:
			return "", nil
		case err != nil:
			return fmt.Sprintf("an answer of the API server: %v", err), nil
		case len(live.GetFinalizers()) > 0:
			return "its finalizers to be removed: " + strings.Join(live.GetFinalizers(), ", "), nil
		}
		return "the object to disappear", nil
	})
}

// every calls check until it names nothing to wait for.
func every(ctx context.Context, report func(string), check func() (string, error)) error {
	start := time.Now()
	last := ""
	for {
		waiting, err := check()
		if err != nil || waiting == "" {
			return err
		}
		if waiting != last && ctx.Err() == nil {
			report("waiting for " + waiting)
			last = waiting
		}
		select {
		case <-ctx.Done():
			return stopped(ctx, time.Since(start), last)
		case <-time.After(interval):
		}
	}
}

func stopped(ctx context.Context, after time.Duration, waiting string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("timed out after %s waiting for %s", after.Round(time.Second), waiting)
	}
	return fmt.Errorf("cancelled after %s while waiting for %s", after.Round(time.Second), waiting)
}
