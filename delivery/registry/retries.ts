import { setTimeout as sleep } from "node:timers/promises";
import { Interrupted, TransientFailure, busy, closed, isFull } from "./failure.ts";
import type { RegistryServer } from "./server.ts";
import type { RegistryResponse, Scope } from "./types.ts";

const mostTries = 4;

/** Limits of repeated work. */
export interface RetryPolicy {
  /** Scope that a message names when the connection is closed during a pause. */
  readonly scope: Scope;
  /** First pause; each further one is twice as long. */
  readonly backOffMs: number;
  /** Latest end of a pause, on the clock of `performance.now()`; asked before each one. */
  readonly latest: () => number;
  /** Ends the pause. */
  readonly signal: AbortSignal;
}

/** Repeats work that fails with {@link TransientFailure} or {@link Interrupted}, up to four tries in all. */
export async function retry<T>(work: () => Promise<T>, policy: RetryPolicy): Promise<T> {
  const { scope, backOffMs, latest, signal } = policy;
  for (let tries = 1, pause = backOffMs; ; tries++, pause *= 2) {
    try {
      return await work();
    } catch (error) {
      const wait = pauseAfter(error, pause);
      if (tries === mostTries || performance.now() + wait >= latest()) throw error;
      await sleep(wait, undefined, { signal }).catch(() => {
        throw closed(scope);
      });
    }
  }
}

/** How long to wait before the next try; infinite where another try would fail as well. */
function pauseAfter(error: unknown, pauseMs: number): number {
  if (error instanceof Interrupted) return pauseMs;
  return error instanceof TransientFailure ? Math.max(pauseMs, error.pauseMs) : Infinity;
}

/**
 * Returns a response that another try would not change.
 *
 * @throws TransientFailure when the server is overloaded or has an error of its own.
 */
export function requireSettled(
  response: RegistryResponse,
  scope: Scope,
  server: RegistryServer,
): RegistryResponse {
  if (response.status !== 429 && response.status < 500) return response;
  // A full registry stays full, so another try would fail as well.
  if (scope.action === "push" && isFull(response)) return response;
  throw busy(response, scope, server.who(response.url), server.says(response));
}
