import { describe, expect, it } from 'vitest';
import { Api, ApiError } from '../src/api';
import { routes } from '../src/router';

const signal = new AbortController().signal;

function answering(response: Response | Error): { api: Api; requests: Request[] } {
  const requests: Request[] = [];
  const api = new Api((input, init) => {
    // The API gives its paths as strings.
    requests.push(new Request(new URL(input as string, 'http://tinyolly.test'), init));
    return response instanceof Error ? Promise.reject(response) : Promise.resolve(response);
  });
  return { api, requests };
}

function json(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status });
}

describe('requests', () => {
  it('carry the filters that are set', async () => {
    const { api, requests } = answering(json({ traces: [], nextBefore: null }));
    await api.traces(
      {
        ...routes.traces({ service: 'a&b', errors: true, q: 'é', minutes: 5 }),
        attributes: ['k=a=b', 'other'],
        limit: 50,
        minDurationNs: 7,
        maxDurationNs: 0,
      },
      signal,
    );
    const url = new URL(requests[0]?.url ?? '');
    expect(url.pathname).toBe('/api/traces');
    expect([...url.searchParams]).toEqual([
      ['limit', '50'],
      ['service', 'a&b'],
      ['errors', 'true'],
      ['q', 'é'],
      ['attribute', 'k=a=b'],
      ['attribute', 'other'],
      ['minDurationNs', '7'],
      ['sinceSeconds', '300'],
    ]);
  });

  it('name a trace and the time range of a metric', async () => {
    const trace = answering(json({ traceId: 'a/b', spans: [] }));
    await trace.api.trace('a/b', signal);
    expect(trace.requests[0]?.url).toBe('http://tinyolly.test/api/traces/a%2Fb');
    const metric = answering(json({ series: [] }));
    await metric.api.metricSeries('m', 10, signal);
    expect(metric.requests[0]?.url).toBe(
      'http://tinyolly.test/api/metrics/series?name=m&sinceSeconds=600',
    );
  });

  it('put a configuration to one collector or to all', async () => {
    const one = answering(json({ hash: 'h', instances: ['i'] }, 202));
    expect(await one.api.putAgentConfig('a: 1', 'i')).toEqual(['i']);
    expect(one.requests[0]?.method).toBe('PUT');
    expect(await one.requests[0]?.json()).toEqual({ config: 'a: 1', instance: 'i' });
    const all = answering(json({ hash: 'h', instances: [] }, 202));
    await all.api.putAgentConfig('a: 1', undefined);
    expect(await all.requests[0]?.json()).toEqual({ config: 'a: 1' });
  });
});

describe('failures', () => {
  it.each<[string, Response | Error, number, string]>([
    [
      'the message of the body',
      json({ error: { code: 'not_found', message: 'There is no trace "x".' } }, 404),
      404,
      'There is no trace "x".',
    ],
    ['a body of another shape', json(null, 500), 500, 'The server answered 500'],
    [
      'a body that is not JSON',
      new Response('<html>', { status: 502 }),
      502,
      'The server answered 502',
    ],
    ['a success that is not JSON', new Response('<html>'), 200, 'did not answer with JSON'],
    ['no answer', new TypeError('Failed to fetch'), 0, 'The server does not answer'],
  ])('are told from %s', async (_, response, status, message) => {
    const failure: unknown = await answering(response)
      .api.stats(signal)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApiError);
    expect(failure).toMatchObject({ status });
    expect(String(failure)).toContain(message);
  });

  it('pass an abort on as it is', async () => {
    const controller = new AbortController();
    controller.abort();
    const abort = new DOMException('aborted', 'AbortError');
    await expect(answering(abort).api.stats(controller.signal)).rejects.toBe(abort);
  });
});
