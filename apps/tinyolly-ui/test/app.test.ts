// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Api } from '../src/api';
import { startApp } from '../src/app';
import { parseDuration } from '../src/time';
import { type Answer, answer } from './mock-api';
import type * as wire from '../src/wire';
import { runningConfig, type Sample, sampleAt } from './sample';

const now = Date.UTC(2026, 0, 15, 12);
const sample = sampleAt(now);
const nothing: Sample = {
  addresses: sample.addresses,
  stats: { traces: 0, spans: 0, logs: 0, metrics: 0, droppedSeries: 0 },
  services: [],
  traces: [],
  logs: [],
  metrics: [],
  map: { nodes: [], edges: [] },
  agents: [],
};
const [, , failedTrace] = sample.traces;
const failedId = failedTrace?.traceId ?? '';

let root: HTMLElement;
let requested: string[];
let sent: unknown[];
let reply: (url: URL) => Answer;

beforeEach(() => {
  vi.useFakeTimers({ now });
  root = document.createElement('div');
  document.body.replaceChildren(root);
  requested = [];
  sent = [];
  reply = (url) => answer(url, sample);
});

afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
});

const api = new Api((input, init) => {
  // The API gives its paths as strings.
  const url = new URL(input as string, 'http://tinyolly.test');
  requested.push(`${url.pathname}${url.search}`);
  // Bodies are JSON texts, of PUT requests only.
  if (init?.method === 'PUT') sent.push(JSON.parse(init.body as string));
  const { status, body } =
    init?.method === 'PUT' ? { status: 202, body: { hash: '', instances: ['x'] } } : reply(url);
  return Promise.resolve(new Response(JSON.stringify(body), { status }));
});

async function open(path: string): Promise<void> {
  history.replaceState(null, '', path);
  startApp(root, api);
  await settle();
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(300);
}

function all(selector: string): HTMLElement[] {
  return [...root.querySelectorAll<HTMLElement>(selector)];
}

function find(selector: string, text = ''): HTMLElement {
  const found = all(selector).find((element) => element.textContent.includes(text));
  if (!found) throw new Error(`no ${selector} with "${text}" in: ${root.textContent}`);
  return found;
}

async function click(selector: string, text = ''): Promise<void> {
  find(selector, text).click();
  await settle();
}

async function type(selector: string, text: string): Promise<void> {
  const field = find(selector);
  if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await settle();
}

function input(selector: string, text: string): void {
  const field = find(selector);
  if (field instanceof HTMLInputElement) field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
}

function choose(selector: string, value: string): void {
  const field = find(selector);
  if (field instanceof HTMLSelectElement) field.value = value;
  field.dispatchEvent(new Event('change', { bubbles: true }));
}

const address = (): string => `${location.pathname}${location.search}`;

describe('every page', () => {
  it.each([
    ['/traces', 'Traces · TinyOlly', 'POST /order'],
    [`/traces/${failedId}`, 'POST /order · Trace · TinyOlly', 'POST /charge'],
    ['/logs', 'Logs · TinyOlly', 'order received'],
    ['/metrics', 'Metrics · TinyOlly', 'process.memory.usage'],
    ['/metrics?name=queue.depth', 'queue.depth · Metrics · TinyOlly', 'mailer · queue=orders'],
    ['/services', 'Services · TinyOlly', '8.3 %'],
    ['/map', 'Map · TinyOlly', 'postgresql'],
    ['/collectors', 'Collectors · TinyOlly', 'otelcol-contrib 0.145.0'],
  ])('%s has the title "%s" and shows "%s"', async (path, title, text) => {
    await open(path);
    expect(document.title).toBe(title);
    expect(find('main').textContent).toContain(text);
    expect(all('nav a[aria-current=page]')).toHaveLength(1);
  });

  it.each([
    ['/traces', 'No traces yet', '4343'],
    ['/logs', 'No logs yet', '4343'],
    ['/metrics', 'No metrics yet', '4343'],
    ['/services', 'No traces yet', '4343'],
    ['/map', 'No traces yet', '4343'],
    ['/collectors', 'No collectors yet', '4320'],
  ])('%s says what to do while there is nothing', async (path, title, port) => {
    reply = (url) => answer(url, nothing);
    await open(path);
    expect(find('.empty h2').textContent).toBe(title);
    expect(find('.empty').textContent).toContain(port);
  });

  it('names the address to send to as it is, or how to find it', async () => {
    reply = (url) => answer(url, nothing);
    await open('/traces');
    expect(find('.empty pre').textContent).toBe(
      'OTEL_EXPORTER_OTLP_PROTOCOL=grpc\nOTEL_EXPORTER_OTLP_ENDPOINT=http://tinyolly-otlp-receiver.tinyolly.svc.cluster.local:4343',
    );
    reply = (url) => answer(url, { ...nothing, addresses: {} });
    await open('/logs');
    expect(find('.empty').textContent).toContain('=http://localhost:4343');
    expect(find('.empty').textContent).not.toContain('<');
  });

  it('shows an error of the backend with its message, and recovers', async () => {
    reply = () => ({ status: 503, body: { error: { code: 'x', message: 'Redis is down.' } } });
    await open('/traces');
    expect(find('.empty').textContent).toContain('Redis is down.');
    reply = (url) => answer(url, sample);
    await click('button', 'Try again');
    expect(find('tbody').textContent).toContain('POST /order');
  });

  it('keeps what it has when a refresh fails, and says so', async () => {
    await open('/traces');
    reply = () => ({ status: 503, body: { error: { code: 'x', message: 'Redis is down.' } } });
    await vi.advanceTimersByTimeAsync(5000);
    expect(find('[role=alert]').textContent).toContain('Redis is down.');
    expect(all('tbody tr')).toHaveLength(40);
  });
});

describe('a part that fails', () => {
  const failing = (...paths: string[]): void => {
    reply = (url) =>
      paths.includes(url.pathname)
        ? { status: 503, body: { error: { code: 'x', message: 'Redis is down.' } } }
        : answer(url, sample);
  };

  it('of the statistics or the choice of services leaves the rows to be seen', async () => {
    failing('/api/stats', '/api/services');
    await open('/traces');
    expect(all('tbody tr')).toHaveLength(40);
    expect(all('[role=alert]')).toEqual([]);
    expect(all('.stats')).toEqual([]);
  });
});

describe('a page that there is not', () => {
  it.each(['/nosuch', '/logs/7', '/traces/1/2'])('%s is said to be so', async (path) => {
    await open(path);
    expect(document.title).toBe('Not found · TinyOlly');
    expect(find('.empty').textContent).toContain(path);
    expect(all('nav a[aria-current]')).toEqual([]);
    await click('.empty a');
    expect(address()).toBe('/traces');
    expect(all('tbody tr')).toHaveLength(40);
  });
});

describe('refreshing', () => {
  it('happens every five seconds, leaves the rows in place and stops when paused', async () => {
    await open('/traces');
    const row = find('tbody tr');
    const count = (): number => requested.filter((path) => path === '/api/stats').length;
    await vi.advanceTimersByTimeAsync(5000);
    expect(count()).toBe(2);
    expect(find('tbody tr')).toBe(row);
    await click('button', 'Live');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(count()).toBe(2);
    await click('button', 'Paused');
    expect(count()).toBe(3);
  });
});

describe('traces', () => {
  it('are searched by the backend, and the address says what for', async () => {
    await open('/traces');
    await type('input[type=search]', 'order');
    await click('button', 'Errors only');
    expect(address()).toBe('/traces?errors=true&q=order');
    expect(requested).toContain('/api/traces?limit=100&errors=true&q=order');
    expect(all('tbody tr')).toHaveLength(8);
  });

  it('keep what was typed when another filter is chosen at once', async () => {
    await open('/traces');
    input('input[type=search]', 'order');
    input('.field input', '300');
    find('button', 'Errors only').click();
    await settle();
    expect(address()).toBe('/traces?errors=true&q=order&min=300');
  });

  it('give up what was typed with its field when they are cleared', async () => {
    await open('/traces?q=nowhere');
    input('input[type=search]', 'elsewhere');
    await click('button', 'Clear filters');
    expect(address()).toBe('/traces');
    expect(find('input[type=search]')).toHaveProperty('value', '');
  });

  it('are filtered by time, duration and attributes', async () => {
    await open('/traces');
    choose('select[aria-label="Time range"]', '1');
    await settle();
    expect(all('tbody tr')).toHaveLength(22);
    await type('.field input', '300 ms');
    await type('.field:nth-of-type(3) input', '0.5s');
    await type('.attribute-form input', 'http.response.status_code=502');
    find('.attribute-form').dispatchEvent(new Event('submit', { cancelable: true }));
    await settle();
    expect(address()).toBe(
      '/traces?minutes=1&min=300+ms&max=0.5s&attribute=http.response.status_code%3D502',
    );
    expect(requested).toContain(
      '/api/traces?limit=100&attribute=http.response.status_code%3D502&minDurationNs=300000000&maxDurationNs=500000000&sinceSeconds=60',
    );
    expect(all('tbody tr').map((row) => row.lastChild?.textContent)).toEqual(['322 ms', '414 ms']);
    await click('.filter-chip button');
    expect(address()).toBe('/traces?minutes=1&min=300+ms&max=0.5s');
  });

  it('say what is wrong with a duration or an attribute, and filter by none', async () => {
    await open('/traces?min=soon');
    expect(find('.field .problem').textContent).toContain('“soon” is no duration. Write 250ms');
    expect(all('tbody tr')).toHaveLength(40);
    await type('.attribute-form input', '=500');
    expect(find('.attribute-form .problem').textContent).toContain('key');
    find('.attribute-form').dispatchEvent(new Event('submit', { cancelable: true }));
    await settle();
    expect(address()).toBe('/traces?min=soon');
  });

  it('are sorted by the slowest, and by the newest again', async () => {
    await open('/traces?errors=true');
    const durations = (): number[] =>
      all('tbody tr').map((row) => parseDuration(row.lastChild?.textContent ?? '') ?? 0);
    await click('th a', 'Duration');
    expect(address()).toBe('/traces?errors=true&sort=slowest');
    expect(durations()).toEqual(durations().toSorted((a, b) => b - a));
    expect(durations()[0]).toBeGreaterThan(durations().at(-1) ?? Infinity);
    expect(find('th', 'Duration').getAttribute('aria-sort')).toBe('descending');
    expect(requested).toContain('/api/traces?limit=1000&errors=true');
    await click('th a', 'Started');
    expect(address()).toBe('/traces?errors=true');
  });

  it('of a thousand are put in order, and the page says that there are others', async () => {
    reply = (url) => {
      const { status, body } = answer(url, sample);
      return url.pathname === '/api/traces'
        ? { status, body: { ...(body as object), nextBefore: '17:abc' } }
        : { status, body };
    };
    await open('/traces?sort=slowest');
    expect(find('main').textContent).toContain('In order are the newest 40 traces that match');
    expect(find('a.more').getAttribute('href')).toBe('/traces?before=17%3Aabc&sort=slowest');
  });

  it('that are searched in part only say so, and lead on', async () => {
    reply = (url) =>
      url.pathname === '/api/traces'
        ? { status: 200, body: { traces: [], nextBefore: '1768478602123456000:ab' } }
        : answer(url, sample);
    await open('/traces?q=rare');
    expect(find('.empty h2').textContent).toBe('No traces match among the newest');
    expect(all('.more')).toHaveLength(1);
    expect(find('.empty a.more').textContent).toBe('Search older traces');
    await click('.empty a.more');
    expect(address()).toBe('/traces?q=rare&before=1768478602123456000%3Aab');
    expect(find('.filter-chip').textContent).toBe('Before 2026-01-15 12:03:22.123 +00:00');
  });

  it('of the filters before are marked as such until the answer is there', async () => {
    await open('/traces');
    expect(find('[role=status]').textContent).toBe('40 traces');
    find('button', 'Errors only').click();
    expect(all('.outdated[aria-busy=true] tbody tr')).toHaveLength(40);
    expect(find('[role=search]').textContent).toContain('Loading what matches');
    await settle();
    expect(all('.outdated')).toEqual([]);
    expect(all('tbody tr')).toHaveLength(8);
    expect(find('[role=status]').textContent).toBe('8 traces');
  });

  it('offer to clear filters that match nothing', async () => {
    await open('/traces?q=nowhere');
    await click('button', 'Clear filters');
    expect(address()).toBe('/traces');
    expect(all('tbody tr')).toHaveLength(40);
  });

  it('open by a click anywhere on the row, and the list comes back', async () => {
    await open('/traces');
    await click(`tbody tr.failed td`);
    expect(address()).toBe(`/traces/${failedId}`);
    history.replaceState(null, '', '/traces');
    window.dispatchEvent(new PopStateEvent('popstate'));
    await settle();
    expect(all('tbody tr')).toHaveLength(40);
  });

  it('grow by request when there are more', async () => {
    const traces = Array.from({ length: 150 }, (_, i) => {
      const [first] = sample.traces;
      return { traceId: String(i), spans: first?.spans ?? [] };
    });
    reply = (url) => answer(url, { ...sample, traces });
    await open('/traces');
    expect(all('tbody tr')).toHaveLength(100);
    await click('button.more');
    expect(all('tbody tr')).toHaveLength(150);
    expect(all('.more')).toEqual([]);
  });
});

describe('a trace', () => {
  const row = '[role=treeitem]';

  it('is a tree whose spans have their place in it', async () => {
    await open(`/traces/${failedId}`);
    expect(all(row).map((item) => item.getAttribute('aria-level'))).toEqual([
      '1',
      '2',
      '2',
      '3',
      '4',
      '3',
      '4',
      '3',
      '4',
    ]);
    const charge = find(row, 'POST /charge');
    expect(charge.getAttribute('aria-label')).toContain('failed');
    expect(charge.style.getPropertyValue('--depth')).toBe('2');
    expect(Number(charge.style.getPropertyValue('--offset'))).toBeCloseTo(44 / 184, 5);
  });

  it('shows attributes, events and logs of the span in the address', async () => {
    const span = failedTrace?.spans[5]?.spanId ?? '';
    await open(`/traces/${failedId}?span=${span}`);
    const panel = find('.panel').textContent;
    for (const text of ['card issuer timed out', 'exception.type', 'giving up', 'k8s.pod.name']) {
      expect(panel).toContain(text);
    }
    await click('button[aria-label="Close span"]');
    expect(address()).toBe(`/traces/${failedId}`);
    expect(all('.panel')).toEqual([]);
  });

  it('collapses by mouse and by keyboard, and stays so over a refresh', async () => {
    await open(`/traces/${failedId}`);
    await click('.twisty');
    expect(all(row)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(find(row).getAttribute('aria-expanded')).toBe('false');
    find(row).dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    expect(all(row)).toHaveLength(9);
    find(row).dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true }));
    expect(document.activeElement).toBe(find(row, 'GET session'));
  });

  it('opens what is collapsed above the span of the address', async () => {
    await open(`/traces/${failedId}`);
    await click('button', 'Collapse all');
    expect(all(row)).toHaveLength(1);
    const charge = failedTrace?.spans[5]?.spanId ?? '';
    history.replaceState(null, '', `/traces/${failedId}?span=${charge}`);
    window.dispatchEvent(new PopStateEvent('popstate'));
    await settle();
    expect(find(row, 'POST /charge').getAttribute('aria-selected')).toBe('true');
    expect(all(row).map((item) => item.getAttribute('aria-expanded'))).toContain('false');
  });

  it('says where each span stands among its siblings', async () => {
    await open(`/traces/${failedId}`);
    const place = (name: string) =>
      ['aria-posinset', 'aria-setsize'].map((aria) => find(row, name).getAttribute(aria));
    expect(place('POST /order')).toEqual(['1', '1']);
    expect(place('POST /checkout')).toEqual(['2', '2']);
    expect(place('POST /charge')).toEqual(['2', '3']);
  });

  it('is not loaded again for another span, nor once it has long ended', async () => {
    const loads = (): number => requested.filter((path) => path.startsWith('/api/traces/')).length;
    await open(`/traces/${failedId}`);
    await click(row, 'POST /charge');
    await click(row, 'GET session');
    expect(address()).toContain('?span=');
    expect(loads()).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(loads()).toBe(2);
    await vi.advanceTimersByTimeAsync(180_000);
    const settledAt = loads();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(loads()).toBe(settledAt);
  });

  it('says that offsets count from its start', async () => {
    await open(`/traces/${failedId}?span=${failedTrace?.spans[5]?.spanId ?? ''}`);
    expect(find('.panel-facts', 'into the trace').textContent).toContain('starts +');
    expect(find('.panel section', 'Events').textContent).toContain(
      'Times count from the start of the trace.',
    );
  });

  it('has a column of names that is resized by the arrow keys, and stays so', async () => {
    await open(`/traces/${failedId}`);
    const line = find('[role=separator]');
    const names = (): string => find('.waterfall').style.getPropertyValue('--names');
    expect([line.getAttribute('aria-valuenow'), line.tabIndex]).toEqual(['38', 0]);
    const press = (key: string): boolean =>
      line.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    press('ArrowRight');
    press('ArrowRight');
    expect(names()).toBe('42');
    press('ArrowLeft');
    expect(names()).toBe('40');
    press('End');
    press('ArrowRight');
    expect(names()).toBe('75');
    expect(press('a')).toBe(true);
    await open(`/traces/${failedId}`);
    expect(names()).toBe('75');
    find('[role=separator]').dispatchEvent(new MouseEvent('dblclick', { bubbles: true }));
    expect(names()).toBe('38');
  });

  it('leads back to the list as it was filtered, after a reload as well', async () => {
    await open('/traces');
    await click('button', 'Errors only');
    await click('tbody tr a');
    expect(find('.trace-head a').textContent).toBe('Back to the filtered traces');
    startApp(root, api);
    await settle();
    await click('.trace-head a');
    expect(address()).toBe('/traces?errors=true');
  });

  it('leads from an attribute to the traces that have it as well', async () => {
    await open(`/traces/${failedId}?span=${failedTrace?.spans[0]?.spanId ?? ''}`);
    await click('a[aria-label="Traces with http.response.status_code=502"]');
    expect(address()).toBe('/traces?attribute=http.response.status_code%3D502');
    expect(all('tbody tr')).toHaveLength(8);
  });

  it('is shown without logs when those fail, and says so', async () => {
    reply = (url) =>
      url.pathname === '/api/logs'
        ? { status: 503, body: { error: { code: 'x', message: 'Redis is down.' } } }
        : answer(url, sample);
    await open(`/traces/${failedId}`);
    expect(all(row)).toHaveLength(9);
    expect(find('.trace-logs [role=alert]').textContent).toBe(
      'The logs could not be loaded. Redis is down.',
    );
    expect(find('.trace-logs').textContent).not.toContain('None.');
  });

  it('says when it has more logs than are shown', async () => {
    reply = (url) => {
      const { status, body } = answer(url, sample);
      return url.pathname === '/api/logs'
        ? { status, body: { ...(body as object), nextBefore: '1' } }
        : { status, body };
    };
    await open(`/traces/${failedId}`);
    expect(find('.trace-logs .callout').textContent).toContain('the newest 4 of this trace');
    await click('.trace-logs .callout a');
    expect(address()).toBe(`/logs?traceId=${failedId}`);
  });

  describe('of 1,200 spans', () => {
    const [first] = failedTrace?.spans ?? [];
    if (!first) throw new Error('the sample has spans');
    const spans = Array.from({ length: 1200 }, (_, index) => ({
      ...first,
      spanId: `s${index}`,
      parentSpanId: index === 0 ? '' : 's0',
      name: `span ${index}`,
    }));
    const scrolled = vi.fn<(this: Element) => void>();

    beforeEach(() => {
      scrolled.mockClear();
      vi.spyOn(Element.prototype, 'scrollIntoView').mockImplementation(scrolled);
      reply = (url) => answer(url, { ...sample, traces: [{ traceId: failedId, spans }] });
    });

    afterEach(() => {
      vi.restoreAllMocks();
    });

    it('brings the span of the address into view, however far down', async () => {
      const last = spans.at(-1)?.spanId ?? '';
      await open(`/traces/${failedId}?span=${last}`);
      expect(scrolled.mock.contexts[0]).toBe(document.getElementById(`span-${last}`));
      expect(find(`#span-${last}`).getAttribute('aria-selected')).toBe('true');
    });

    it('goes on below the thousandth by keyboard', async () => {
      await open(`/traces/${failedId}`);
      expect(all(row)).toHaveLength(1000);
      find(row).dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
      expect(all(row)).toHaveLength(1200);
      expect(document.activeElement).toBe(all(row).at(-1));
    });
  });

  it('that is not there any more is said to be so', async () => {
    await open('/traces/0000');
    expect(find('.empty').textContent).toContain('There is no trace "0000".');
  });

  it('lists its logs from the oldest', async () => {
    await open(`/traces/${failedId}`);
    const bodies = all('.trace-logs .log-body').map((body) => body.textContent);
    expect(bodies[0]).toBe('order received: 2 items, 84.90 EUR');
    expect(bodies).toHaveLength(4);
  });
});

describe('logs', () => {
  it('are filtered by severity and lead to their trace', async () => {
    await open('/logs');
    choose('select[aria-label=Severity]', '17');
    await settle();
    expect(address()).toBe('/logs?minSeverity=17');
    expect(all('.log')).toHaveLength(5);
    await click('a.log-trace');
    expect(address()).toMatch(/^\/traces\/[0-9a-f]{32}\?span=[0-9a-f]{16}$/);
  });

  it('open and close, and stay open over a refresh', async () => {
    await open('/logs');
    await click('.log-toggle');
    await vi.advanceTimersByTimeAsync(5000);
    expect(find('.log-details').textContent).toContain('code.function.name');
    await click('.log-toggle');
    expect(all('.log-details')).toEqual([]);
  });

  it('are filtered by time', async () => {
    await open('/logs?minutes=1');
    const before = all('.log').length;
    choose('select[aria-label="Time range"]', '0');
    await settle();
    expect(address()).toBe('/logs');
    expect(all('.log').length).toBeGreaterThan(before);
    expect(requested).toContain('/api/logs?limit=100&sinceSeconds=60');
  });

  it('of one trace say so, and the filter can be removed', async () => {
    await open(`/logs?traceId=${failedId}`);
    expect(all('.log')).toHaveLength(4);
    await click('.filter-chip button');
    expect(address()).toBe('/logs');
  });
});

describe('metrics', () => {
  it('draw a line for each series, and a counter as its rate', async () => {
    await open('/metrics?name=http.server.requests');
    expect(all('.plot path')).toHaveLength(4);
    expect(find('.metric tbody').textContent).toContain('/s');
    await click('button', 'Total');
    expect(address()).toBe('/metrics?name=http.server.requests&raw=true');
    expect(find('.metric tbody').textContent).not.toContain('/s');
  });

  const cells = (selector: string): (string | null)[][] =>
    all(`${selector} tbody tr`).map((row) => [...row.children].map((cell) => cell.textContent));

  it('of pods before and after a roll-out are one row, and what is gone has ended', async () => {
    await open('/metrics?name=http.server.requests');
    expect(cells('[aria-label=Values]').map(([name, latest]) => [name, latest])).toEqual([
      ['storefront · route=/order', '2.794/s'],
      ['storefront · route=/', '6.729/s'],
      ['checkout · route=/checkout3 instances', '2.7/s'],
      ['checkout · route=/cancel', 'ended 11:53:50'],
    ]);
    expect(all('.line.ended')).toHaveLength(1);
    expect(find('.metric').textContent).toContain('6 series in 4 rows');
  });

  it('say how many of the series in the list sent nothing', async () => {
    reply = (url) => {
      const { status, body } = answer(url, sample);
      if (url.pathname !== '/api/metrics') return { status, body };
      const { metrics } = body as wire.Metrics;
      return { status, body: { metrics: metrics.map((one) => ({ ...one, seriesCount: 11 })) } };
    };
    await open('/metrics?name=http.server.requests');
    expect(find('.metric-list a[aria-current]').textContent).toContain('11 series');
    expect(find('.metric').textContent).toContain(
      '5 of the 11 series that are kept sent nothing in the last 10 minutes.',
    );
  });

  it('of a histogram are percentiles over time, of all series or of one', async () => {
    await open('/metrics?name=http.server.request.duration');
    expect(cells('[aria-label=Values]').map(([name]) => name)).toEqual(['p50', 'p90', 'p99']);
    expect(all('.plot path')).toHaveLength(3);
    expect(cells('[aria-label=Series]').map(([name, count]) => [name, count])).toEqual([
      ['All series together', '23,515'],
      ['storefront · http.request.method=POST', '9,420'],
      ['checkout · http.request.method=POST2 instances', '10,735'],
      ['mailer · http.request.method=POSTended 11:56:50', '3,360'],
    ]);
    expect(all('.histogram')).toHaveLength(1);

    const loads = requested.length;
    await click('[aria-label=Series] a', 'storefront');
    expect(address()).toBe(
      '/metrics?name=http.server.request.duration&series=storefront+%C2%B7+http.request.method%3DPOST',
    );
    expect(requested).toHaveLength(loads);
    expect(find('tr.chosen').textContent).toContain('storefront');
    expect(cells('[aria-label=Values]')[0]?.[1]).toBe(cells('[aria-label=Series]')[1]?.[3]);
    expect(all('.histogram .bars li')[0]?.getAttribute('aria-label')).toBe(
      '5.00 ms – 10.0 ms: 120',
    );
  });

  it('show the quantiles of a summary over time', async () => {
    await open('/metrics?name=rpc.client.duration');
    expect(cells('[aria-label=Values]').map(([name, latest]) => [name, latest])).toEqual([
      ['50 %', '58.0 ms'],
      ['99 %', '172 ms'],
    ]);
    expect(cells('[aria-label=Series]')).toEqual([
      ['payments', '1,044', '61.3 ms', '58.0 ms', '172 ms'],
    ]);
  });

  it('are read at a moment by pointer and by keyboard, which draws no line again', async () => {
    await open('/metrics?name=queue.depth');
    const plot = find('.plot');
    const paths = all('.plot path');
    const heading = (): string | null | undefined => all('[aria-label=Values] th')[1]?.textContent;
    expect(heading()).toBe('Latest');
    plot.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }));
    expect(heading()).toBe('At 11:50:00.000');
    expect(plot.getAttribute('aria-valuetext')).toBe('11:50:00.000');
    expect(all('.crosshair')).toHaveLength(1);
    plot.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));
    expect(heading()).toBe('At 11:50:10.000');
    plot.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
    expect(heading()).toBe('Latest');
    expect(all('.plot path')).toEqual(paths);
  });

  it('keep the old lines, marked, until another time range is there', async () => {
    await open('/metrics?name=queue.depth');
    choose('select[aria-label="Time range"]', '5');
    expect(all('.metric.outdated[aria-busy=true]')).toHaveLength(1);
    await settle();
    expect(all('.metric.outdated')).toEqual([]);
    expect(address()).toBe('/metrics?name=queue.depth&minutes=5');
  });

  it('are found by name and by service', async () => {
    await open('/metrics');
    await type('input[type=search]', 'MAILER');
    expect(all('.metric-list a').map((link) => link.querySelector('.mono')?.textContent)).toEqual([
      'http.server.request.duration',
      'queue.depth',
    ]);
  });
});

describe('the map', () => {
  const edge = (title: string): HTMLElement => find('g.edge', title);

  it('shades an edge by the share of its calls that failed, and says both with their units', async () => {
    await open('/map');
    const shades = (from: string) => {
      const { classList } = edge(`${from}: `);
      return [...classList].filter((name) => name.startsWith('rate-'));
    };
    expect(shades('storefront to redis')).toEqual(['rate-none']);
    expect(shades('checkout to inventory')).toEqual(['rate-low']);
    expect(shades('checkout to orders')).toEqual(['rate-middle']);
    expect(shades('mailer to smtp.example')).toEqual(['rate-high']);
    const label = (title: string) =>
      [...find('.edge-label', title).querySelectorAll('text')].map((text) => text.textContent);
    expect(label('checkout to orders')).toEqual(['117 calls', '6.8 % failed']);
    expect(label('storefront to redis')).toEqual(['8,200 calls']);
    expect(find('tbody tr', 'orders').textContent).toContain('8 · 6.8 %');
    expect(find('.map-key').textContent).toContain('5 % to 25 %');
  });

  it('says how its services differ from those of the services’ page', async () => {
    await open('/map');
    const scope = find('.page > p.faint').textContent;
    expect(scope).toContain('newest 1,000 traces');
    expect(scope).toContain('not among the services: postgresql, redis, orders, smtp.example.');
    expect(scope).toContain('in none of these traces: nightly-report.');
    expect(all('.node.named')).toHaveLength(4);
    expect(all('.map a[aria-label="Traces of smtp.example"]')).toEqual([]);
    expect(all('.map a[aria-label="Traces of mailer"]')).toHaveLength(1);
  });

  it('is shown without the services when those fail', async () => {
    reply = (url) =>
      url.pathname === '/api/services'
        ? { status: 503, body: { error: { code: 'x', message: 'Redis is down.' } } }
        : answer(url, sample);
    await open('/map');
    expect(all('g.edge')).toHaveLength(10);
    expect(all('.node.named')).toEqual([]);
  });
});

it('leads from the services to the map, where what sends no spans is', async () => {
  await open('/services');
  await click('.page a', 'map');
  expect(address()).toBe('/map');
});

it('sorts services by a click on a heading', async () => {
  await open('/services');
  await click('th a', 'Error rate');
  expect(address()).toBe('/services?sort=errors');
  expect(find('tbody tr').textContent).toContain('checkout');
  expect(find('th', 'Error rate').getAttribute('aria-sort')).toBe('descending');
});

describe('collectors', () => {
  const rejected = '018f3c2e-9d02-7b8e-8a0c-77c2d4e6b302';

  it('get the edited configuration, one or all of them', async () => {
    await open(`/collectors?instance=${rejected}`);
    expect(find('.editor').textContent).toContain("unknown exporter 'otlpx'");
    await type('textarea', 'receivers: {}');
    await click('button', 'Apply to this collector');
    expect(sent).toEqual([{ config: 'receivers: {}', instance: rejected }]);
    expect(find('[role=status]').textContent).toBe('Sent to 1 collector.');

    await type('textarea', 'exporters: {}');
    await click('button', 'Apply to all 2');
    expect(sent).toHaveLength(1);
    await click('button', 'Yes, replace all 2');
    expect(sent[1]).toEqual({ config: 'exporters: {}' });
  });

  it('that are none are added by the value and the command that the page names', async () => {
    reply = (url) => answer(url, nothing);
    await open('/collectors');
    const copied = all('.empty pre').map((block) => block.textContent);
    expect(copied).toEqual([
      'otelCollector:\n  enabled: true',
      'pulumi config set --stack local --path chartValues.tinyolly.otelCollector.enabled true\nmake up',
      '--set otelCollector.enabled=true',
      'server:\n  endpoint: ws://tinyolly-opamp-server.tinyolly.svc.cluster.local:4320/v1/opamp',
    ]);
  });

  it('say so where the chart runs one that has not connected yet', async () => {
    const collector = 'http://tinyolly-otelcol.tinyolly.svc.cluster.local:4318';
    reply = (url) => answer(url, { ...nothing, addresses: { ...nothing.addresses, collector } });
    await open('/collectors');
    expect(find('.empty').textContent).toContain('has not connected yet');
    expect(find('.empty pre').textContent).toBe(collector);
    expect(find('.empty').textContent).not.toContain('pulumi config');
  });

  it('that only report are shown so, and cannot be configured', async () => {
    await open('/collectors?instance=018f3c2f-0b7f-70aa-b1de-25a6f0c9d8e1');
    expect(find('.agent-list [aria-current]').textContent).toContain('health unknown');
    expect(find('.editor').textContent).toContain('It only reports.');
    await type('textarea', 'receivers: {}');
    expect(find('button', 'Apply to this collector').hasAttribute('disabled')).toBe(true);
  });

  it('keep a draft over refreshes and visits to other pages', async () => {
    await open(`/collectors?instance=${rejected}`);
    await type('textarea', 'draft: 1');
    await vi.advanceTimersByTimeAsync(10_000);
    await click('nav a', 'Map');
    await click('nav a', 'Collectors');
    await click('.agent-list a', rejected);
    const editor = find('textarea');
    expect(editor instanceof HTMLTextAreaElement && editor.value).toBe('draft: 1');
    await click('button', 'Discard changes');
    expect(find('textarea') instanceof HTMLTextAreaElement && find('textarea')).toHaveProperty(
      'value',
      runningConfig,
    );
  });
});

describe('the frame', () => {
  it('moves the focus to the search box with a slash', async () => {
    await open('/traces');
    document.dispatchEvent(new KeyboardEvent('keydown', { key: '/' }));
    expect(document.activeElement?.getAttribute('type')).toBe('search');
  });

  it('changes and remembers the theme', async () => {
    await open('/map');
    await click('button', 'auto');
    expect(document.documentElement.dataset.theme).toBe('light');
    await click('button', 'light');
    expect(localStorage.getItem('tinyolly-theme')).toBe('dark');
    await click('button', 'dark');
    expect(document.documentElement.dataset.theme).toBeUndefined();
    expect(localStorage.getItem('tinyolly-theme')).toBeNull();
  });

  it('leaves links with a modifier key to the browser', async () => {
    await open('/traces');
    const event = new MouseEvent('click', { ctrlKey: true, bubbles: true, cancelable: true });
    find('nav a', 'Logs').dispatchEvent(event);
    expect(event.defaultPrevented).toBe(false);
  });

  it('shows text of telemetry as text', async () => {
    const attack = '<img src=x onerror=alert(1)>';
    const [log] = sample.logs;
    if (!log) throw new Error('the sample has logs');
    reply = (url) =>
      answer(url, {
        ...sample,
        logs: [{ ...log, body: attack, service: attack, severityText: attack }],
      });
    await open('/logs');
    await click('.log-toggle');
    expect(find('.log-body').textContent).toBe(attack);
    expect(all('img')).toEqual([]);
  });
});
