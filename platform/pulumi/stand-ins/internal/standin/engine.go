package standin

import (
	"context"
	"os"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
)

// pause is the time between two looks at the engine. The SDK's own main looks every five minutes, which is how long a
// plugin would outlive an engine that was killed.
const pause = time.Second

// UntilEngineEnds returns a context that is done once ctx is, or the engine that started this plugin is gone. A plugin
// that was started by hand, without the address of an engine, gets ctx.
func UntilEngineEnds(ctx context.Context) (context.Context, error) {
	if len(os.Args) < 2 {
		return ctx, nil
	}
	return untilGone(ctx, os.Args[len(os.Args)-1])
}

func untilGone(ctx context.Context, engine string) (context.Context, error) {
	ctx, cancel := context.WithCancel(ctx)
	if err := rpcutil.Healthcheck(ctx, engine, pause, cancel); err != nil {
		cancel()
		return nil, err
	}
	return ctx, nil
}
