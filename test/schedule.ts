/**
 * What a suite needs of the test platforms while it runs: `stack` changes the local stack of the main one, `platform` leaves that alone,
 * `tools` only needs that it was there once, and `start` starts it; `alone` stops servers, so it has the spare one for itself.
 */
export type Use = "nothing" | "tools" | "platform" | "stack" | "alone" | "start";

/** Those that go with the fewest others first, so that what goes with all fills the other places. */
const order: readonly Use[] = ["start", "alone", "stack", "platform", "tools", "nothing"];

/**
 * Runs suites, so many at once as there are places, and none beside another one that it could disturb.
 *
 * @param ended asked before each start; nothing more is started once it says so.
 * @returns those that were not started.
 */
export async function schedule<Suite extends { readonly uses: Use }>(
  suites: readonly Suite[],
  places: number,
  run: (suite: Suite) => Promise<void>,
  ended: () => boolean,
): Promise<readonly Suite[]> {
  const waiting = order.flatMap((use) => suites.filter(({ uses }) => uses === use));
  const running = new Map<Suite, Promise<void>>();
  for (;;) {
    const next =
      ended() || running.size >= places
        ? undefined
        : waiting.find(({ uses }) => [...running.keys()].every((other) => fit(uses, other.uses)));
    if (next) {
      waiting.splice(waiting.indexOf(next), 1);
      const done = run(next).finally(() => running.delete(next));
      running.set(next, done);
    } else if (running.size > 0) await Promise.race(running.values());
    else return waiting;
  }
}

/** Whether two suites can run at the same time. */
function fit(one: Use, other: Use): boolean {
  const uses = [one, other];
  if (uses.includes("nothing")) return true;
  if (uses.includes("start")) return false;
  if (uses.includes("tools")) return true;
  return one !== other || one === "platform";
}
