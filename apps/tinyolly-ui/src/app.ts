import { type Api, ApiError, orUndefined } from './api';
import { h, mount, type VElement } from './dom';
import type { Addresses, Stats } from './model';
import { formatCount } from './numbers';
import type { PageContext, View } from './page';
import { collectorsPage } from './pages/collectors';
import { logsPage } from './pages/logs';
import { mapPage } from './pages/map';
import { metricsPage } from './pages/metrics';
import { notFoundPage } from './pages/not-found';
import { servicesPage } from './pages/services';
import { tracePage } from './pages/trace';
import { tracesPage } from './pages/traces';
import { Refresher } from './refresher';
import { formatRoute, parseRoute, type Route, routes, type TracesRoute } from './router';
import { applyTheme, nextTheme, storedTheme } from './theme';
import { button } from './ui/controls';
import { icon, type IconName } from './ui/icons';
import { emptyState } from './ui/notices';

const refreshMs = 5000;
const typingPauseMs = 250;

const tabs: readonly { readonly route: Route; readonly label: string; readonly icon: IconName }[] =
  [
    { route: routes.traces(), label: 'Traces', icon: 'traces' },
    { route: routes.logs(), label: 'Logs', icon: 'logs' },
    { route: routes.metrics(), label: 'Metrics', icon: 'metrics' },
    { route: routes.services(), label: 'Services', icon: 'services' },
    { route: routes.map(), label: 'Map', icon: 'map' },
    { route: routes.collectors(), label: 'Collectors', icon: 'collectors' },
  ];

/** Runs the interface inside `root`; the address bar decides what it shows. */
export function startApp(root: HTMLElement, api: Api): void {
  const render = mount(root);
  const scrollPlaces = new Map<Route['page'], number>();
  let typing: ReturnType<typeof setTimeout> | undefined;
  let theme = storedTheme();
  let stats: Stats | undefined;
  let addresses: Addresses | undefined;
  let failure: ApiError | undefined;

  const refresher = new Refresher({
    intervalMs: refreshMs,
    async load(signal) {
      const [latest, known] = await Promise.all([
        orUndefined(api.stats(signal)),
        addresses ?? orUndefined(api.addresses(signal)),
        view.load(signal),
      ]);
      stats = latest;
      addresses = known;
    },
    onSettled(error) {
      failure = error === undefined ? undefined : toFailure(error);
      draw();
    },
  });

  const context: PageContext = {
    api,
    go,
    redraw: draw,
    reload: () => {
      draw();
      refresher.refresh();
    },
    soon: (action) => {
      clearTimeout(typing);
      typing = setTimeout(action, typingPauseMs);
    },
    addresses: () => addresses ?? {},
    lastTraces: () => tracesPlace,
  };
  const viewOf = createPages(context);
  let route = parseRoute(new URL(location.href));
  let view = viewOf(route);
  let tracesPlace = route.page === 'traces' ? route : placeIn(history.state);

  window.addEventListener('popstate', () => {
    open(parseRoute(new URL(location.href)));
  });
  root.addEventListener('click', followLink);
  document.addEventListener('keydown', focusSearch);
  applyTheme(theme);
  draw();
  refresher.refresh();

  function go(next: Route, how: 'push' | 'replace' = 'push'): void {
    if (next.page === 'traces') tracesPlace = next;
    const address = formatRoute(next);
    const state: Place = { traces: formatRoute(tracesPlace) };
    if (how === 'push') history.pushState(state, '', address);
    else history.replaceState(state, '', address);
    open(next);
  }

  function open(next: Route): void {
    clearTimeout(typing);
    const elsewhere = next.page !== route.page;
    if (elsewhere) scrollPlaces.set(route.page, window.scrollY);
    const loaded = failure === undefined ? view.source : undefined;
    route = next;
    if (next.page === 'traces') tracesPlace = next;
    view = viewOf(next);
    const reloads = elsewhere || loaded === undefined || view.source !== loaded;
    if (reloads) failure = undefined;
    draw();
    if (elsewhere) {
      window.scrollTo(0, next.page === 'trace' ? 0 : (scrollPlaces.get(next.page) ?? 0));
      root.querySelector('h1')?.focus({ preventScroll: true });
    }
    if (reloads) refresher.refresh();
  }

  function draw(): void {
    document.title = `${view.title} · TinyOlly`;
    const page = view.render();
    render(
      sidebar(),
      h('main', {}, topBar(), page && failure && staleNotice(failure), page ?? placeholder()),
    );
  }

  function sidebar(): VElement {
    const tab = route.page === 'trace' ? 'traces' : route.page;
    return h(
      'div',
      { class: 'sidebar' },
      h('a', { class: 'brand', href: '/' }, icon('traces'), 'TinyOlly'),
      h(
        'nav',
        { 'aria-label': 'Pages' },
        tabs.map((entry) =>
          h(
            'a',
            {
              href: formatRoute(entry.route),
              'aria-current': entry.route.page === tab ? 'page' : undefined,
            },
            icon(entry.icon),
            h('span', {}, entry.label),
          ),
        ),
      ),
      stats && statistics(stats),
    );
  }

  function topBar(): VElement {
    const { paused } = refresher;
    return h(
      'header',
      { class: 'top-bar' },
      h(
        'h1',
        { tabindex: -1 },
        route.page === 'trace' ? 'Trace' : (view.title.split(' · ').at(-1) ?? ''),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'quiet',
          'aria-pressed': String(paused),
          title: paused ? 'Nothing is loaded until you resume' : 'Loads again every 5 seconds',
          on: {
            click: () => {
              refresher.setPaused(!paused);
              draw();
            },
          },
        },
        icon(paused ? 'play' : 'pause'),
        paused ? 'Paused' : 'Live',
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'quiet',
          'aria-label': `Colour theme: ${theme}`,
          on: {
            click: () => {
              theme = nextTheme(theme);
              applyTheme(theme);
              draw();
            },
          },
        },
        icon('theme'),
        theme,
      ),
    );
  }

  function placeholder(): VElement {
    if (!failure) return h('p', { class: 'loading', role: 'status', key: 'loading' }, 'Loading…');
    const retry = button('Try again', () => {
      refresher.refresh();
    });
    return failure.status === 404
      ? emptyState('Not found', failure.message, 'Telemetry is kept for a limited time.', retry)
      : emptyState('This page could not be loaded', failure.message, retry);
  }

  function followLink(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const href = link?.getAttribute('href');
    if (!href?.startsWith('/')) return;
    event.preventDefault();
    go(parseRoute(new URL(href, location.origin)));
  }

  function focusSearch(event: KeyboardEvent): void {
    const typed =
      event.target instanceof Element && event.target.closest('input, textarea, select');
    if (event.key !== '/' || typed || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = root.querySelector<HTMLInputElement>('input[type=search]');
    if (!search) return;
    event.preventDefault();
    search.select();
    search.focus();
  }
}

/** What an entry of the history keeps, so that a trace leads back to its list after a reload as well. */
interface Place {
  readonly traces?: string;
}

function placeIn(state: unknown): TracesRoute {
  // The history holds what this page put there, or null.
  const { traces } = (state ?? {}) as Place;
  const route = traces === undefined ? undefined : parseRoute(new URL(traces, location.origin));
  return route?.page === 'traces' ? route : routes.traces();
}

function createPages(context: PageContext): (route: Route) => View {
  const traces = tracesPage(context);
  const trace = tracePage(context);
  const logs = logsPage(context);
  const metrics = metricsPage(context);
  const services = servicesPage(context);
  const map = mapPage(context);
  const collectors = collectorsPage(context);
  const notFound = notFoundPage();
  return (route) => {
    switch (route.page) {
      case 'traces':
        return traces(route);
      case 'trace':
        return trace(route);
      case 'logs':
        return logs(route);
      case 'metrics':
        return metrics(route);
      case 'services':
        return services(route);
      case 'map':
        return map(route);
      case 'collectors':
        return collectors(route);
      case 'notFound':
        return notFound(route);
    }
  };
}

function staleNotice({ message }: ApiError): VElement {
  return h(
    'p',
    { class: 'callout bad', role: 'alert', key: 'stale' },
    `${message} Shown is what was loaded before.`,
  );
}

function statistics(stats: Stats): VElement {
  const counts = [
    { name: 'Traces', count: stats.traces },
    { name: 'Spans', count: stats.spans },
    { name: 'Logs', count: stats.logs },
    { name: 'Metrics', count: stats.metrics },
  ];
  return h(
    'dl',
    { class: 'stats', 'aria-label': 'Stored now' },
    counts.map(({ name, count }) =>
      h('div', {}, h('dt', {}, name), h('dd', {}, formatCount(count))),
    ),
    stats.droppedSeries > 0 &&
      h(
        'div',
        { class: 'bad-text', title: 'Beyond the limit of metric series (MAX_SERIES)' },
        h('dt', {}, 'Dropped series'),
        h('dd', {}, formatCount(stats.droppedSeries)),
      ),
  );
}

function toFailure(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  console.error(error);
  return new ApiError(0, 'The page could not make sense of the answer.');
}
