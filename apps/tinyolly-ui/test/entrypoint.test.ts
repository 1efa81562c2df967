import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseRoute } from '../src/router';

const project = join(import.meta.dirname, '..');
const kubernetes =
  'search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\n';
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'entrypoint-'));
  for (const folder of ['bin', 'etc/nginx', 'tmp'])
    mkdirSync(join(root, folder), { recursive: true });
  copyFileSync(
    join(project, 'nginx.conf.template'),
    join(root, 'etc/nginx/tinyolly.conf.template'),
  );
  writeFileSync(join(root, 'bin/nginx'), '#!/bin/sh\necho "nginx as $$: $*"\n');
  chmodSync(join(root, 'bin/nginx'), 0o755);
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function run(
  backendUrl: string | undefined,
  resolvConf = 'nameserver 127.0.0.11\n',
  env: Record<string, string> = {},
) {
  writeFileSync(join(root, 'etc/resolv.conf'), resolvConf);
  const result = spawnSync('sh', [join(project, 'entrypoint.sh')], {
    encoding: 'utf8',
    env: {
      PATH: `${join(root, 'bin')}:${process.env.PATH ?? ''}`,
      FILE_ROOT: root,
      ...env,
      ...(backendUrl === undefined ? {} : { BACKEND_URL: backendUrl }),
    },
  });
  const config = (): string => readFileSync(join(root, 'tmp/nginx.conf'), 'utf8');
  return {
    ...result,
    backend: () => /set \$backend (.*);/.exec(config())?.[1],
    resolver: () => /^ *resolver +(.*?) +valid=10s;/m.exec(config())?.[1]?.split(/ +/),
    config,
  };
}

describe('BACKEND_URL', () => {
  it.each([
    'tinyolly:5002',
    'ftp://tinyolly:5002',
    'http://',
    'http://:5002',
    'http://tinyolly:',
    'http://tinyolly:port',
    'http://tinyolly:0',
    'http://tinyolly:65536',
    'http://tinyolly:5002/api',
    'http://user@tinyolly:5002',
    'http://-tinyolly',
    'http://tiny olly',
    'http://a;return 200',
    'http://a\nhttp://b',
    'http://a|e touch x|',
    'http://[::1',
    'http://[nothex]:80',
  ])('%j is refused with exit code 2 and one line', (url) => {
    const { status, stderr, stdout } = run(url);
    expect(status).toBe(2);
    expect(stderr).toContain(`BACKEND_URL is "${url}", but must be http(s)://host[:port]`);
    expect(stdout).toBe('');
  });

  it.each([
    [undefined, 'http://127.0.0.1:5002'],
    ['http://tinyolly:5002', 'http://tinyolly:5002'],
    ['http://tinyolly:5002/', 'http://tinyolly:5002'],
    ['https://backend.example.com', 'https://backend.example.com'],
    ['http://10.0.0.7:80', 'http://10.0.0.7:80'],
    ['http://[fd00::1]:5002', 'http://[fd00::1]:5002'],
    ['http://[fd00::1]', 'http://[fd00::1]'],
  ])('%j becomes %s', (url, backend) => {
    const { status, backend: configured } = run(url);
    expect(status).toBe(0);
    expect(configured()).toBe(backend);
  });

  it.each([
    ['http://tinyolly:5002', 'http://tinyolly.shop.svc.cluster.local:5002'],
    ['http://tinyolly.shop.svc:5002', 'http://tinyolly.shop.svc.cluster.local:5002'],
    ['http://tinyolly.shop.svc.cluster.local', 'http://tinyolly.shop.svc.cluster.local'],
    ['http://localhost:5002', 'http://127.0.0.1:5002'],
    ['http://backend.example.com', 'http://backend.example.com'],
  ])('%s becomes %s in a pod, as nginx does not use the search list', (url, backend) => {
    expect(run(url, kubernetes).backend()).toBe(backend);
  });

  it('is not completed with a search list that is not a cluster’s', () => {
    expect(run('http://tinyolly:5002', 'search lan\nnameserver 127.0.0.11\n').backend()).toBe(
      'http://tinyolly:5002',
    );
  });
});

describe('resolver', () => {
  it.each([
    ['nameserver 10.96.0.10\n', ['10.96.0.10']],
    [
      '# nameserver 1.1.1.1\nnameserver\t10.0.0.1\nnameserver fd00::10 \n',
      ['10.0.0.1', '[fd00::10]'],
    ],
    ['nameserver fe80::1%eth0\nnameserver 10.0.0.1\n', ['10.0.0.1']],
    ['', ['127.0.0.1']],
  ])('of %j is %o', (resolvConf, servers) => {
    expect(run(undefined, resolvConf).resolver()).toEqual(servers);
  });
});

it('becomes nginx with the configuration that it wrote, in its own process', () => {
  const { pid, stdout } = run('http://tinyolly:5002');
  expect(stdout).toBe(`nginx as ${pid}: -c ${join(root, 'tmp/nginx.conf')} -g daemon off;\n`);
});

it('leaves no placeholder behind', () => {
  expect(run(undefined).config()).not.toMatch(/@[A-Z0-9]+@/);
});

describe('the addresses that the web UI tells', () => {
  const told = (env: Record<string, string>): unknown =>
    JSON.parse(
      /return 200 '(\{.*\})';\s*\}\s*location \/api/.exec(
        run(undefined, undefined, env).config(),
      )?.[1] ?? 'null',
    );

  it('are those that are set', () => {
    expect(told({})).toEqual({});
    expect(
      told({ OTLP_URL: 'http://receiver.ns.svc:4343', OPAMP_URL: 'ws://[fd00::1]:4320/v1/opamp' }),
    ).toEqual({ otlp: 'http://receiver.ns.svc:4343', opamp: 'ws://[fd00::1]:4320/v1/opamp' });
    expect(told({ COLLECTOR_URL: 'http://otelcol:4318' })).toEqual({
      collector: 'http://otelcol:4318',
    });
  });

  it.each([
    'receiver:4343',
    '://x',
    'http://',
    "http://a';b",
    'http://a"b',
    'http://a b',
    'http://a|b',
    'http://a$b',
  ])('are refused as %j, which is no URL', (url) => {
    const { status, stderr } = run(undefined, undefined, { OTLP_URL: url });
    expect(status).toBe(2);
    expect(stderr).toBe(`OTLP_URL is "${url}", but must be a URL, such as http://receiver:4343\n`);
  });
});

describe('listening', () => {
  const listens = (): string[] =>
    [
      ...run(undefined)
        .config()
        .matchAll(/^ *listen (.*);$/gm),
    ].map(([, address]) => address ?? '');

  it('is on IPv6 as well where the kernel has it', () => {
    mkdirSync(join(root, 'proc/net'), { recursive: true });
    writeFileSync(
      join(root, 'proc/net/if_inet6'),
      '00000000000000000000000000000001 01 80 10 80 lo\n',
    );
    expect(listens()).toEqual(['80', '[::]:80']);
  });

  it('is on IPv4 only where it has not, as nginx would not start', () => {
    expect(listens()).toEqual(['80']);
  });
});

describe('a path', () => {
  const pages = (): RegExp =>
    new RegExp(/^ {4}location ~ (.*) \{$/m.exec(run(undefined).config())?.[1] ?? 'none');

  it.each<[string, boolean]>([
    ['/', true],
    ['/traces', true],
    ['/traces/', true],
    ['/traces/0af7651916cd43dd8448eb211c80319c', true],
    ['/logs', true],
    ['/metrics', true],
    ['/services', true],
    ['/map', true],
    ['/collectors', true],
    ['/nosuch', false],
    ['/logs/1', false],
    ['/traces/1/2', false],
    ['/tracesuit', false],
    ['/assets/traces', false],
  ])('%s is a page of the web UI: %s', (path, page) => {
    expect(pages().test(path)).toBe(page);
    expect(parseRoute(new URL(path, 'http://tinyolly.test')).page !== 'notFound').toBe(page);
  });

  it('of neither page nor file gets the web UI with status 404, which says so', () => {
    expect(run(undefined).config()).toMatch(
      /location \/ \{\s*try_files \$uri =404;\s*error_page 404 \/index\.html;\s*\}/,
    );
  });
});

it('has no add_header in a location, which would drop the security headers there', () => {
  const { config } = run(undefined);
  const locations = config()
    .split(/^ {4}location /m)
    .slice(1);
  expect(locations).toHaveLength(7);
  expect(locations.filter((location) => location.includes('add_header'))).toEqual([]);
  for (const header of ['Content-Security-Policy', 'X-Content-Type-Options', 'Referrer-Policy']) {
    expect(config()).toMatch(new RegExp(`^ {4}add_header ${header} .* always;$`, 'm'));
  }
});
