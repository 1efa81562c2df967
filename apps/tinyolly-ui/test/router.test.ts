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
    [
      '/traces?minutes=5&min=250ms&max=2s&attribute=http.route%3D%2F&attribute=k&sort=slowest',
      routes.traces({
        minutes: 5,
        min: '250ms',
        max: '2s',
        attributes: ['http.route=/', 'k'],
        slowest: true,
      }),
    ],
    ['/traces/0af7651916cd43dd8448eb211c80319c', routes.trace('0af7651916cd43dd8448eb211c80319c')],
    ['/traces/a%2Fb?span=b7ad6b7169203331', routes.trace('a/b', 'b7ad6b7169203331')],
    ['/logs', routes.logs()],
    [
      '/logs?service=mailer&minSeverity=17&q=x&minutes=30&traceId=1&spanId=2&before=3',
      routes.logs({
        service: 'mailer',
        minSeverity: 17,
        q: 'x',
        minutes: 30,
        traceId: '1',
        spanId: '2',
        before: '3',
      }),
    ],
    ['/metrics', routes.metrics()],
    [
      '/metrics?name=http.requests&q=http&minutes=30&raw=true&series=web',
      routes.metrics({ name: 'http.requests', q: 'http', minutes: 30, raw: true, series: 'web' }),
    ],
    ['/services', routes.services()],
    ['/services?sort=p95', routes.services('p95')],
    ['/map', routes.map()],
    ['/collectors?instance=018f', routes.collectors('018f')],
  ])('%s is read and written', (path, route) => {
    expect(parse(path)).toEqual(route);
    expect(formatRoute(route)).toBe(path);
  });

  it.each(['/nosuch', '/nosuch/x', '/logs/1', '/traces/1/2', '/nosuch/%E0%A4%A'])(
    '%s is a page that there is not',
    (path) => {
      expect(parse(path)).toEqual(routes.notFound(path));
      expect(formatRoute(routes.notFound(path))).toBe(path);
    },
  );

  it.each(['/', '/traces/'])('%s leads to the traces', (path) => {
    expect(parse(path)).toEqual(routes.traces());
  });

  it('ignores what makes no sense', () => {
    expect(parse('/logs?minSeverity=loud')).toEqual(routes.logs());
    expect(parse('/metrics?minutes=-5')).toEqual(routes.metrics());
    expect(parse('/services?sort=colour')).toEqual(routes.services());
    expect(parse('/traces/%E0%A4%A')).toEqual(routes.trace('%E0%A4%A'));
  });
});
