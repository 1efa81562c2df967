// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Refresher } from '../src/refresher';

const load = vi.fn<(signal: AbortSignal) => Promise<void>>();
const onSettled = vi.fn<(error: unknown) => void>();
let refresher: Refresher;

beforeEach(() => {
  vi.useFakeTimers();
  load.mockReset().mockResolvedValue();
  onSettled.mockReset();
  refresher = new Refresher({ intervalMs: 5000, load, onSettled });
});

afterEach(() => {
  refresher.setPaused(true);
  vi.useRealTimers();
});

it('loads again five seconds after the last load has come back', async () => {
  refresher.refresh();
  await vi.advanceTimersByTimeAsync(4999);
  expect(load).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(load).toHaveBeenCalledTimes(2);
  expect(onSettled).toHaveBeenNthCalledWith(1, undefined);
});

it('waits for a slow load instead of starting a second one', async () => {
  load.mockReturnValue(new Promise(() => undefined));
  refresher.refresh();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(1);
});

it('aborts a load that is no longer wanted and ignores its end', async () => {
  let fail: (error: Error) => void = () => undefined;
  load.mockReturnValueOnce(new Promise((_, reject) => (fail = reject)));
  refresher.refresh();
  refresher.refresh();
  expect(load.mock.calls[0]?.[0].aborted).toBe(true);
  fail(new Error('aborted'));
  await vi.advanceTimersByTimeAsync(0);
  expect(onSettled.mock.calls).toEqual([[undefined]]);
});

it('tells a failure and goes on', async () => {
  const failure = new Error('down');
  load.mockRejectedValueOnce(failure);
  refresher.refresh();
  await vi.advanceTimersByTimeAsync(5000);
  expect(onSettled.mock.calls).toEqual([[failure], [undefined]]);
});

it('stops while paused and loads at once when resumed', async () => {
  refresher.refresh();
  await vi.advanceTimersByTimeAsync(0);
  refresher.setPaused(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(1);
  refresher.setPaused(false);
  expect(load).toHaveBeenCalledTimes(2);
});

it('stays paused when another place is opened', async () => {
  refresher.setPaused(true);
  refresher.refresh();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(1);
});

it('does not load in a hidden tab', async () => {
  const hidden = vi.spyOn(document, 'hidden', 'get').mockReturnValue(true);
  refresher.refresh();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(load).toHaveBeenCalledTimes(1);
  hidden.mockReturnValue(false);
  await vi.advanceTimersByTimeAsync(5000);
  expect(load).toHaveBeenCalledTimes(2);
  hidden.mockRestore();
});
