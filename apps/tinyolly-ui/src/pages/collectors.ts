import { ApiError } from '../api';
import { h, type VElement } from '../dom';
import type { Addresses, Agent, AgentConfig } from '../model';
import { plural } from '../numbers';
import type { Page, PageContext } from '../page';
import { type CollectorsRoute, formatRoute, routes } from '../router';
import { formatAge, formatDateTime, fromMillis } from '../time';
import { button } from '../ui/controls';
import { emptyState, lines } from '../ui/notices';

const configStates: Readonly<Record<Agent['configStatus'], { text: string; tone: string }>> = {
  UNSET: { text: 'own configuration', tone: '' },
  PENDING: { text: 'not sent yet', tone: 'warn' },
  OFFERED: { text: 'sent', tone: 'warn' },
  APPLYING: { text: 'applying', tone: 'warn' },
  APPLIED: { text: 'applied', tone: 'good' },
  FAILED: { text: 'rejected', tone: 'bad' },
};

interface Outcome {
  readonly tone: 'good' | 'bad';
  readonly text: string;
}

export function collectorsPage(context: PageContext): Page<CollectorsRoute> {
  const drafts = new Map<string, string>();
  const configs = new Map<string, AgentConfig>();
  let agents: readonly Agent[] | undefined;
  let outcome: Outcome | undefined;
  let sending = false;
  let confirming = false;

  return (route) => {
    outcome = undefined;
    confirming = false;

    return {
      title: 'Collectors',
      async load(signal) {
        const known = await context.api.agents(signal);
        const selected = select(known, route.instance);
        if (selected) {
          configs.set(selected.instance, await context.api.agentConfig(selected.instance, signal));
        }
        agents = known;
      },
      render() {
        if (!agents) return undefined;
        const selected = select(agents, route.instance);
        return h(
          'div',
          { class: 'page', key: 'collectors' },
          agents.length === 0
            ? noCollectors(context.addresses())
            : h(
                'div',
                { class: 'master-detail' },
                list(agents, selected),
                selected
                  ? editor(selected, agents.filter(({ acceptsConfig }) => acceptsConfig).length)
                  : emptyState(
                      'This collector is not known',
                      'It may have been restarted under a new instance id. Choose one from the list.',
                    ),
              ),
        );
      },
    };
  };

  function list(all: readonly Agent[], selected: Agent | undefined): VElement {
    const now = fromMillis(Date.now());
    return h(
      'nav',
      { class: 'agent-list', key: 'list', 'aria-label': 'Collectors' },
      all.map((agent) =>
        h(
          'a',
          {
            key: agent.instance,
            href: formatRoute(routes.collectors(agent.instance)),
            'aria-current': agent === selected ? 'true' : undefined,
          },
          h('span', { class: 'strong' }, `${agent.type} ${agent.version}`.trim()),
          h('span', { class: 'faint mono id' }, agent.instance),
          h(
            'span',
            { class: 'panel-facts' },
            healthBadge(agent),
            configBadge(agent),
            h(
              'span',
              { class: 'faint', title: formatDateTime(agent.lastSeen) },
              formatAge(agent.lastSeen, now),
            ),
          ),
        ),
      ),
    );
  }

  function editor(agent: Agent, count: number): VElement {
    const { instance } = agent;
    const effectiveConfig = configs.get(instance)?.effectiveConfig ?? '';
    const original = originalOf(instance);
    const text = drafts.get(instance) ?? original;
    const idle = sending || text.trim() === '';
    return h(
      'section',
      { class: 'editor', key: `editor ${instance}`, 'aria-label': 'Configuration' },
      h(
        'div',
        { class: 'section-head' },
        h('h2', {}, 'Configuration'),
        text !== original && h('span', { class: 'badge warn' }, 'not applied yet'),
      ),
      agent.configStatus === 'FAILED' &&
        h(
          'p',
          { class: 'callout bad', key: 'failed' },
          `Rejected by the collector: ${agent.configError}`,
        ),
      !agent.acceptsConfig &&
        h(
          'p',
          { class: 'callout warn', key: 'read-only' },
          'It only reports. To take configurations, it has to run under the OpAMP supervisor.',
        ),
      !agent.connected &&
        h(
          'p',
          { class: 'callout warn', key: 'gone' },
          'Not connected. What you apply is sent when it comes back.',
        ),
      outcome &&
        h('p', { class: `callout ${outcome.tone}`, role: 'status', key: 'outcome' }, outcome.text),
      h('textarea', {
        'aria-label': `Configuration of ${agent.type} ${instance}, YAML`,
        class: 'mono',
        spellcheck: 'false',
        autocapitalize: 'off',
        rows: 24,
        value: text,
        on: {
          input: (event) => {
            if (!(event.target instanceof HTMLTextAreaElement)) return;
            drafts.set(instance, event.target.value);
            outcome = undefined;
            confirming = false;
            context.redraw();
          },
        },
      }),
      h(
        'div',
        { class: 'toolbar' },
        h(
          'button',
          {
            type: 'button',
            class: 'primary',
            disabled: idle || !agent.acceptsConfig || text === effectiveConfig,
            on: {
              click: () => {
                void apply(instance, text, instance);
              },
            },
          },
          'Apply to this collector',
        ),
        count > 1 &&
          button(
            confirming ? `Yes, replace all ${count} configurations` : `Apply to all ${count}`,
            () => {
              if (confirming) void apply(instance, text, undefined);
              confirming = !confirming;
              context.redraw();
            },
            idle,
          ),
        button(
          'Discard changes',
          () => {
            drafts.delete(instance);
            context.redraw();
          },
          text === original,
        ),
        button(
          'Edit the running configuration',
          () => {
            drafts.set(instance, effectiveConfig);
            context.redraw();
          },
          effectiveConfig === '' || text === effectiveConfig,
        ),
      ),
      h(
        'details',
        { key: 'running' },
        h('summary', {}, 'Running configuration, as the collector reports it'),
        effectiveConfig === ''
          ? h('p', { class: 'faint' }, 'It reports none.')
          : h('pre', {}, effectiveConfig),
      ),
    );
  }

  async function apply(instance: string, config: string, to: string | undefined): Promise<void> {
    sending = true;
    context.redraw();
    try {
      const reached = await context.api.putAgentConfig(config, to);
      configs.set(instance, {
        config,
        effectiveConfig: configs.get(instance)?.effectiveConfig ?? '',
      });
      drafts.delete(instance);
      outcome = { tone: 'good', text: `Sent to ${plural(reached.length, 'collector')}.` };
    } catch (error) {
      outcome = {
        tone: 'bad',
        text: error instanceof ApiError ? error.message : 'Sending failed.',
      };
    }
    sending = false;
    context.reload();
  }

  /** What editing starts from: the last configuration sent, or else the collector's own. */
  function originalOf(instance: string): string {
    const { config = '', effectiveConfig = '' } = configs.get(instance) ?? {};
    return config === '' ? effectiveConfig : config;
  }
}

function select(agents: readonly Agent[], instance: string): Agent | undefined {
  return instance === '' ? agents[0] : agents.find((agent) => agent.instance === instance);
}

function healthBadge({ connected, silent, healthy }: Agent): VElement {
  if (!connected) return h('span', { class: 'badge' }, 'disconnected');
  if (silent) return h('span', { class: 'badge bad' }, 'hangs');
  if (healthy === undefined) return h('span', { class: 'badge' }, 'health unknown');
  return healthy
    ? h('span', { class: 'badge good' }, 'healthy')
    : h('span', { class: 'badge bad' }, 'unhealthy');
}

function configBadge({ configStatus }: Agent): VElement {
  const { text, tone } = configStates[configStatus];
  return h('span', { class: `badge ${tone}` }, text);
}

/** What adds a Collector: the one that the chart has, or one of the user's own. */
function noCollectors({ opamp, collector }: Addresses): VElement {
  const server = opamp ?? 'ws://localhost:4320/v1/opamp';
  const own = [
    `A Collector of your own connects to OpAMP at this address${opamp === undefined ? ', where the server runs on the same machine' : ', from a pod of this cluster'}. Its opamp extension reports to it; to be configured from here as well it runs under the OpAMP supervisor, whose configuration has`,
    lines('server:', `  endpoint: ${server}`),
    'It appears here as soon as it has connected.',
  ] as const;
  if (collector !== undefined) {
    return emptyState(
      'No collectors yet',
      'The chart’s Collector is enabled, and has not connected yet. It appears here once a pod of it runs.',
      'Telemetry is sent to it at',
      lines(collector),
      ...own,
    );
  }
  return emptyState(
    'No collectors yet',
    'TinyOlly’s chart has a Collector that is off unless its values say',
    lines('otelCollector:', '  enabled: true'),
    'Where make up deploys it, these two set that',
    lines(
      'pulumi config set --stack local --path chartValues.tinyolly.otelCollector.enabled true',
      'make up',
    ),
    'and with Helm this flag of the upgrade.',
    lines('--set otelCollector.enabled=true'),
    ...own,
  );
}
