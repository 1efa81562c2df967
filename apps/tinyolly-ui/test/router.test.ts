import { describe, expect, it } from 'vitest';
import { formatRoute, parseRoute, type Route, routes } from '../src/router';

const parse = (path: string): Route => parseRoute(new URL(path, 'http://tinyolly.test'));

describe('addresses', () => {
  it.each<[string, Route]>([
    ['/traces', routes.traces()],
    [
      '/traces?service=check+out&errors=true&q=a%26b&before=17',
      routes.traces({ service: 'check out', errors: true, q: 'a&b', before: '17' }),
    ],
    ['/traces/0af7651916cd43dd8448eb211c80319c', routes.trace('0af7651916cd43dd8448eb211c80319c')],
    ['/traces/a%2Fb?span=b7ad6b7169203331', routes.trace('a/b', 'b7ad6b7169203331')],
    ['/logs', routes.logs()],
    [
      '/logs?service=mailer&minSeverity=17&q=x&traceId=1&spanId=2&before=3',
      routes.logs({
        service: 'mailer',
        minSeverity: 17,
        q: 'x',
        traceId: '1',
        spanId: '2',
        before: '3',
      }),
    ],
    ['/metrics', routes.metrics()],
    [
      '/metrics?name=http.requests&q=http&minutes=30&raw=true',
      routes.metrics({ name: 'http.requests', q: 'http', minutes: 30, raw: true }),
    ],
    ['/services', routes.services()],
    ['/services?sort=p95', routes.services('p95')],
    ['/map', routes.map()],
    ['/collectors?instance=018f', routes.collectors('018f')],
  ])('%s is read and written', (path, route) => {
    expect(parse(path)).toEqual(route);
    expect(formatRoute(route)).toBe(path);
  });

  it.each(['/', '/nothing', '/traces/'])('%s leads to the traces', (path) => {
    expect(parse(path)).toEqual(routes.traces());
  });

  it('ignores what makes no sense', () => {
    expect(parse('/logs?minSeverity=loud')).toEqual(routes.logs());
    expect(parse('/metrics?minutes=-5')).toEqual(routes.metrics());
    expect(parse('/services?sort=colour')).toEqual(routes.services());
    expect(parse('/traces/%E0%A4%A')).toEqual(routes.trace('%E0%A4%A'));
  });
});
