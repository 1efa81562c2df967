package kubernetes

import (
	"context"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"tinyolly.dev/platform/pulumi/stand-ins/internal/condition"
)

// The annotations of an object that say how to work on it.
const (
	waitForAnnotation     = "pulumi.com/waitFor"
	skipAwaitAnnotation   = "pulumi.com/skipAwait"
	timeoutAnnotation     = "pulumi.com/timeoutSeconds"
	patchForceAnnotation  = "pulumi.com/patchForce"
	propagationAnnotation = "pulumi.com/deletionPropagationPolicy"
)

const defaultTimeout = 10 * time.Minute

// wait is what an object's annotations say about waiting for it.
type wait struct {
	conditions  []condition.Condition
	timeout     time.Duration
	propagation metav1.DeletionPropagation
}

func waitOf(obj *unstructured.Unstructured) (wait, error) {
	annotations := obj.GetAnnotations()
	asked := wait{timeout: defaultTimeout, propagation: metav1.DeletePropagationForeground}

	if text := annotations[waitForAnnotation]; text != "" && annotations[skipAwaitAnnotation] != "true" {
		conditions, err := condition.Parse(text)
		if err != nil {
			return asked, fmt.Errorf("annotation %s: %w", waitForAnnotation, err)
		}
		asked.conditions = conditions
	}
	if text := annotations[timeoutAnnotation]; text != "" {
		seconds, err := strconv.Atoi(text)
		if err != nil || seconds <= 0 {
			return asked, fmt.Errorf("annotation %s: %q is not a positive whole number", timeoutAnnotation, text)
		}
		asked.timeout = time.Duration(seconds) * time.Second
	}
	switch text := annotations[propagationAnnotation]; text {
	case "":
	case "foreground", "Foreground":
	case "background", "Background":
		asked.propagation = metav1.DeletePropagationBackground
	case "orphan", "Orphan":
		asked.propagation = metav1.DeletePropagationOrphan
	default:
		return asked, fmt.Errorf("annotation %s: %q is none of foreground, background and orphan", propagationAnnotation, text)
	}
	return asked, nil
}

// within bounds ctx by the timeout that the resource options give in seconds, or else by the annotation's.
func (w wait) within(ctx context.Context, custom float64) (context.Context, context.CancelFunc) {
	timeout := w.timeout
	if custom > 0 {
		timeout = time.Duration(custom * float64(time.Second))
	}
	return context.WithTimeout(ctx, timeout)
}
