// What explanations foretell of objects is what the cluster shows: which are written, whose pods restart, what is refused.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { parseDocument, stringify } from "yaml";
import type { Explanation } from "../../commands/explain/explanation.ts";
import type { ExplainedObject } from "../../commands/explain/objects.ts";
import type { Fate } from "../../delivery/objects/fate.ts";
import { type Random, seededRandom } from "../random.ts";
import { withPage } from "./browser.ts";
import { buildsOfStack, checkout, kubectl, read, run, startDelivered, up } from "./checkout.ts";
import { until } from "./pods.ts";

const rounds = Number(process.env["ROUNDS"] ?? 6);
const seed = Number(process.env["SEED"] ?? 15);
const namespaces = ["tinyolly", "tinyolly-demos"];

const configVariable = "PULUMI_OPTION_CONFIG_FILE";
const ownConfig = process.env[configVariable] ?? "";
const work = mkdtempSync(join(tmpdir(), "tinyolly-objects-"));
const config = join(work, "Pulumi.local.yaml");

startDelivered();

afterAll(() => {
  process.env[configVariable] = ownConfig;
  rmSync(work, { recursive: true });
});

/** Sources and chart values, which edits change. */
class Tree {
  readonly #before = new Map<string, string | undefined>();
  public values: Record<string, Record<string, unknown>> = {};

  public edit(file: string, change: (text: string) => string): void {
    const text = textOf(file);
    if (!this.#before.has(file)) this.#before.set(file, text);
    writeFileSync(join(checkout, file), change(text ?? ""));
  }

  /** Sets a value of a chart by its dotted path. */
  public set(chart: string, path: string, value: unknown): void {
    const document = parseDocument(stringify(this.values[chart] ?? {}));
    document.setIn(path.split("."), value);
    // Values are maps.
    this.values = { ...this.values, [chart]: document.toJS() as Record<string, unknown> };
  }

  public writeValues(): void {
    const document = parseDocument(readFileSync(ownConfig, "utf8"));
    const own = document.getIn(["config", "tinyolly:chartValues"]);
    const redis = { redis: { persistence: { enabled: true } } };
    expect(own, "what the stack's own file says").toBeDefined();
    const values = { ...this.values, tinyolly: { ...redis, ...this.values["tinyolly"] } };
    document.setIn(["config", "tinyolly:chartValues"], values);
    writeFileSync(config, document.toString());
    process.env[configVariable] = config;
  }

  public revert(): void {
    for (const [file, text] of this.#before) {
      if (text === undefined) rmSync(join(checkout, file), { force: true });
      else writeFileSync(join(checkout, file), text);
    }
    this.values = {};
  }
}

function textOf(file: string): string | undefined {
  try {
    return read(file);
  } catch {
    return undefined;
  }
}

type Edit = (tree: Tree, random: Random) => void;

const line =
  (file: string, text: (word: string) => string): Edit =>
  (tree, random) => {
    tree.edit(file, (old) => `${old}\n${text(random.word())}\n`);
  };

/** Puts a line before the first one that matches. */
const before =
  (file: string, anchor: RegExp, text: (word: string) => string): Edit =>
  (tree, random) => {
    tree.edit(file, (old) => old.replace(anchor, (found) => `${text(random.word())}\n${found}`));
  };

const webui = "charts/tinyolly/templates/webui-deployment.yaml";
const backend = "charts/tinyolly-demos/templates/deployment-backend.yaml";
const extra = "charts/tinyolly/templates/extra.yaml";

const edits: Readonly<Record<string, Edit>> = {
  "a comment in the web interface": line(
    "apps/tinyolly-ui/index.html",
    (word) => `<!-- ${word} -->`,
  ),
  "a comment in the backend": line("apps/tinyolly/common/storage.py", (word) => `# ${word}`),
  "a comment in the demo": line("apps/demo/frontend.py", (word) => `# ${word}`),
  "a comment in the OpAMP server": line("apps/opamp-server/main.go", (word) => `// ${word}`),
  "a test of the demo": line("apps/demo/tests/test_frontend.py", (word) => `# ${word}`),
  "a comment in a template": line(webui, (word) => `{{/* ${word} */}}`),
  "a comment in values.yaml": line("charts/tinyolly/values.yaml", (word) => `# ${word}`),
  "seconds of a Deployment": (tree, random) => {
    tree.edit(webui, (text) =>
      text.replace(
        /^ {2}(?:minReadySeconds.*\n {2})?revision/m,
        `  minReadySeconds: ${random.below(3)}\n  revision`,
      ),
    );
  },
  "a default that is written out": before(
    webui,
    /^ {10}lifecycle:/m,
    () => "          terminationMessagePolicy: File",
  ),
  "a variable of a container": before(
    backend,
    /^\{\{ include "tinyolly-demos\.otelEnv"/m,
    (word) => `- name: X_${word}\n  value: "1"`,
  ),
  "another grace period": (tree, random) => {
    tree.edit(backend, (text) =>
      text.replace(
        /terminationGracePeriodSeconds: \d+/,
        `terminationGracePeriodSeconds: ${10 + random.below(9)}`,
      ),
    );
  },
  "an object more": (tree, random) => {
    const name = `extra-${random.below(3)}`;
    tree.edit(
      extra,
      () =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: ${random.word()}\n`,
    );
  },
  "a label of all": before(
    "charts/tinyolly-demos/templates/_helpers.tpl",
    /^app\.kubernetes\.io\/part-of/m,
    (word) => `label-${word}: "1"`,
  ),
  "another selector": (tree) => {
    tree.edit(webui, (text) =>
      text.replace(/^( +)matchLabels:\n/m, '$1matchLabels:\n$1  edited: "yes"\n'),
    );
  },
  "another service of Redis": (tree) => {
    tree.edit("charts/tinyolly/templates/redis-statefulset.yaml", (text) =>
      text.replace(/serviceName: .*/, "serviceName: edited"),
    );
  },
  replicas: (tree, random) => {
    tree.set("tinyolly", "webui.replicas", 1 + random.below(2));
  },
  resources: (tree, random) => {
    tree.set(
      "tinyolly",
      "opampServer.resources.limits.memory",
      random.pick(["128Mi", "0.125Gi", "160Mi"]),
    );
  },
  "annotations of pods": (tree, random) => {
    tree.set("tinyolly-demos", "frontend.podAnnotations.word", random.word());
  },
  "annotations of a Service": (tree, random) => {
    tree.set("tinyolly", "webui.service.annotations.word", random.word());
  },
};

/** Objects as Argo CD applied them, and the pods of each workload. */
interface Cluster {
  /** What was applied last, by `kind name`. */
  readonly applied: ReadonlyMap<string, string>;
  /** UIDs of pods by `kind name` of their workload. */
  readonly pods: ReadonlyMap<string, readonly string[]>;
}

interface Listed {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    readonly deletionTimestamp?: string;
  };
}

const kinds =
  "deployments,statefulsets,daemonsets,services,configmaps,secrets,serviceaccounts,jobs,networkpolicies,poddisruptionbudgets,pods,replicasets";

function observe(): Cluster {
  const all = namespaces.flatMap(
    (namespace) =>
      // A Kubernetes list.
      (kubectl("get", kinds, `--namespace=${namespace}`) as { items: Listed[] }).items,
  );
  const living = all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const applied = new Map<string, string>();
  const pods = new Map<string, string[]>();
  const owners = new Map(
    living.flatMap(({ kind, metadata }) =>
      kind === "ReplicaSet" ? [[metadata.name, metadata.ownerReferences?.[0]?.name ?? ""]] : [],
    ),
  );
  for (const { kind, metadata } of living) {
    const last = metadata.annotations?.["kubectl.kubernetes.io/last-applied-configuration"];
    const tracked = metadata.annotations?.["argocd.argoproj.io/tracking-id"] !== undefined;
    if (tracked && last !== undefined) applied.set(`${kind} ${metadata.name}`, last);
    const [owner] = metadata.ownerReferences ?? [];
    if (kind !== "Pod" || !owner) continue;
    const workload =
      owner.kind === "ReplicaSet"
        ? `Deployment ${owners.get(owner.name) ?? ""}`
        : `${owner.kind} ${owner.name}`;
    pods.set(workload, [...(pods.get(workload) ?? []), metadata.uid]);
  }
  return { applied, pods };
}

/** What was written, deleted, and whose pods are all others than before. */
function differences(old: Cluster, now: Cluster) {
  const names = [...new Set([...old.applied.keys(), ...now.applied.keys()])];
  const written = names.filter(
    (name) => now.applied.has(name) && old.applied.get(name) !== now.applied.get(name),
  );
  const pruned = names.filter((name) => !now.applied.has(name));
  const restarted = [...old.pods]
    .filter(([name, uids]) => {
      const living = now.pods.get(name) ?? [];
      return (
        !name.startsWith("Job ") && living.length > 0 && !uids.some((uid) => living.includes(uid))
      );
    })
    .map(([name]) => name);
  return { written: sorted(written), pruned: sorted(pruned), restarted: sorted(restarted) };
}

const sorted = (names: readonly string[]): string[] => [...names].sort();

function explain(): { explanation?: Explanation; output: string } {
  const { status, output } = run("node", ["commands/explain/cli.ts", "--json"]);
  // The command's own JSON.
  return status === 0 ? { explanation: JSON.parse(output) as Explanation, output } : { output };
}

function objectsOf(explanation: Explanation): ExplainedObject[] {
  for (const { gaps } of explanation.items) expect(gaps).toBeUndefined();
  return explanation.items.flatMap(({ objects = [] }) => objects);
}

const label = ({ kind, name }: ExplainedObject): string => `${kind} ${name}`;

function foretold(objects: readonly ExplainedObject[], ...fates: readonly Fate[]): string[] {
  return sorted(objects.filter(({ fate }) => fates.includes(fate)).map(label));
}

/** What the API server refuses of the charts as they are, by its own dry run, which only tests may ask for. */
function refused(tree: Tree): string[] {
  return namespaces.flatMap((chart) => {
    const values = join(work, `${chart}.yaml`);
    const redis = chart === "tinyolly" ? { redis: { persistence: { enabled: true } } } : {};
    writeFileSync(values, stringify({ ...redis, ...tree.values[chart] }));
    const args = [
      "template",
      chart,
      `charts/${chart}`,
      `--namespace=${chart}`,
      `--values=${values}`,
    ];
    const { status, output } = run("helm", [...args, "--kube-version=1.36.3"]);
    expect(status, output).toBe(0);
    return output.split(/^---$/m).flatMap((object) => {
      const name = /^kind: (.+)$/m.exec(object)?.[1];
      if (name === undefined || object.includes("helm.sh/hook")) return [];
      const dryRun = spawnSync(
        "kubectl",
        ["apply", "--dry-run=server", `--namespace=${chart}`, "--filename=-"],
        {
          input: object,
          encoding: "utf8",
        },
      );
      if (dryRun.status === 0) return [];
      expect(dryRun.stderr).toMatch(/immutable|Forbidden/);
      return [`${name} ${/^ {2}name: "?([\w-]+)/m.exec(object)?.[1] ?? ""}`];
    });
  });
}

/** Images of the workloads, to see which digests a build left as they were. */
function images(cluster: Cluster): ReadonlyMap<string, readonly string[]> {
  return new Map(
    [...cluster.applied].map(([name, applied]) => [
      name,
      applied.match(/sha256:[0-9a-f]{64}/g) ?? [],
    ]),
  );
}

test(
  `what is foretold of ${rounds} random edits is what the cluster shows`,
  { timeout: (rounds + 5) * 60_000 },
  async () => {
    process.stdout.write(`SEED=${seed} ROUNDS=${rounds}\n`);
    const random = seededRandom(seed);
    const tree = new Tree();
    const told = { objects: 0, restarts: 0, refused: 0, sameBytes: 0 };
    try {
      for (let round = 0; round < rounds; round++) {
        if (random.below(4) === 0) tree.revert();
        const chosen = random.shuffle(Object.keys(edits)).slice(0, 1 + random.below(3));
        for (const name of chosen) edits[name]?.(tree, random);
        tree.writeValues();
        const what = `round ${round} of SEED=${seed}: ${chosen.join(", ")}`;
        const { explanation, output } = explain();
        if (!explanation) throw new Error(`${what}: ${output}`);
        const objects = objectsOf(explanation);
        const isRefused = foretold(objects, "refused");
        if (isRefused.length > 0 || chosen.some((name) => /selector|service of/.test(name))) {
          expect(sorted(refused(tree)), what).toEqual(isRefused);
          told.refused += isRefused.length;
          tree.revert();
          tree.writeValues();
          continue;
        }
        const old = observe();
        const run = up();
        expect(run.status, `${what}\n${run.output}`).toBe(0);
        // Old pods are still ending, and jobs come and go.
        const open = objects.filter(({ openName }) => openName);
        await until(what, () => {
          const seen = differences(old, observe());
          const known = (name: string): boolean =>
            !open.some((object) => name.startsWith(label(object)));
          const same = sameDigests(objects, old, observe());
          const expected = {
            written: foretold(objects, "create", "patch", "restart", "replace", "labels").filter(
              known,
            ),
            pruned: foretold(objects, "prune"),
            restarted: foretold(objects, "restart").filter((name) => !same.includes(name)),
          };
          const shown = { ...seen, written: seen.written.filter(known) };
          if (JSON.stringify(shown) !== JSON.stringify(expected))
            throw new Error(
              `${what}: ${JSON.stringify(shown)} instead of ${JSON.stringify(expected)}`,
            );
          told.objects += expected.written.length + expected.pruned.length;
          told.restarts += expected.restarted.length;
          told.sameBytes += same.length;
          return true;
        });
      }
    } finally {
      tree.revert();
      tree.writeValues();
    }
    process.stdout.write(`${JSON.stringify(told)}\n`);
    expect(up().status).toBe(0);
  },
);

/** Workloads that would restart for a digest that the build did not change after all. */
function sameDigests(objects: readonly ExplainedObject[], old: Cluster, now: Cluster): string[] {
  const [was, is] = [images(old), images(now)];
  return objects
    .filter(
      ({ fate, fields }) =>
        fate === "restart" &&
        fields.every(({ path, open }) => open === true || path.startsWith("metadata.labels")),
    )
    .map(label)
    .filter((name) => JSON.stringify(was.get(name)) === JSON.stringify(is.get(name)));
}

test("what cannot be rendered is told with its place, and nothing is built, pushed or applied", () => {
  const wrong: [edit: Edit, message: RegExp][] = [
    [
      line(extra, () => "{{ .Values.no.such.value }}"),
      /chart "tinyolly" cannot be rendered: .*tinyolly\/templates\/extra\.yaml:2:10/s,
    ],
    [
      line(extra, () => "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndate: {a: b}"),
      /ConfigMap "a" \(templates\/extra\.yaml\): there is no field date/,
    ],
    [
      line(extra, () => "apiVersion: nobody.test/v1\nkind: Thing\nmetadata: {name: a}"),
      /the cluster has no Thing of nobody\.test\/v1/,
    ],
    [
      (tree) => {
        tree.set("tinyolly", "webui.replcas", 2);
      },
      /webui.*replcas/s,
    ],
  ];
  for (const [edit, message] of wrong) {
    const tree = new Tree();
    const began = Date.now();
    try {
      edit(tree, seededRandom(1));
      tree.edit("apps/demo/frontend.py", (text) => `${text}\n# edited\n`);
      tree.writeValues();
      expect(explain().output).toMatch(message);
      for (const args of [["preview"], ["up", "--yes", "--skip-preview"]]) {
        const { status, output } = run("pulumi", [
          ...args,
          "--stack=local",
          "--non-interactive",
          "--color=never",
        ]);
        expect(output).toMatch(message);
        expect(status).not.toBe(0);
      }
      expect(buildsOfStack(began)).toEqual([]);
    } finally {
      tree.revert();
      tree.writeValues();
    }
  }
  expect(explain().explanation?.items.every(({ action }) => action === "none")).toBe(true);
});

test("what a template makes of chance, the clock and the cluster is open, and ten thousand values are fine", () => {
  const tree = new Tree();
  try {
    tree.edit(
      extra,
      () =>
        `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: chance}\ndata:\n  a: {{ randAlphaNum 8 | quote }}\n` +
        `  b: {{ (lookup "v1" "Namespace" "" "default").kind | default "nothing" }}\n`,
    );
    tree.set(
      "tinyolly",
      "webui.service.annotations",
      Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key-${i}`, "x"])),
    );
    tree.writeValues();
    const { explanation, output } = explain();
    if (!explanation) throw new Error(output);
    const objects = objectsOf(explanation);
    expect(foretold(objects, "create")).toEqual(["ConfigMap chance"]);
    // The annotation that notes the object does not fit any more.
    expect(foretold(objects, "patch", "refused")).toEqual(["Service tinyolly-webui"]);
  } finally {
    tree.revert();
    tree.writeValues();
  }
});

test("a page shows what leads to an object and what follows from a file", async () => {
  const tree = new Tree();
  const page = join(work, "page.html");
  try {
    tree.edit("apps/tinyolly-ui/index.html", (text) => `${text}\n<!-- edited -->\n`);
    tree.edit("apps/demo/frontend.py", (text) => `${text}\n# edited\n`);
    expect(run("node", ["commands/explain/cli.ts", "--html", page]).status).toBe(0);
  } finally {
    tree.revert();
  }
  await withPage("explanation", async (opened) => {
    const asked: string[] = [];
    const papers = new Set<string>();
    opened.on("request", (request) => asked.push(request.url()));
    for (const colorScheme of ["light", "dark"] as const) {
      await opened.emulateMedia({ colorScheme });
      await opened.goto(pathToFileURL(page).href);
      const shown = (): Promise<string[]> => opened.locator("article.on strong").allTextContents();
      // By keyboard alone.
      await opened.keyboard.press("Tab");
      expect(await shown()).toEqual(
        expect.arrayContaining([
          "apps/tinyolly-ui/index.html",
          "webui",
          "Deployment tinyolly-webui",
        ]),
      );
      expect(await shown()).not.toContain("demo");
      await opened.keyboard.press("ArrowDown");
      expect(await shown()).toContain("Deployment tinyolly-demos-frontend");
      expect(await shown()).not.toContain("webui");
      expect(await opened.locator("path.on").count()).toBeGreaterThan(3);
      const paper = "getComputedStyle(document.body).backgroundColor";
      papers.add(await opened.evaluate<string>(paper));
    }
    expect(papers.size).toBe(2);
    expect(new Set(asked)).toEqual(new Set([pathToFileURL(page).href]));
  });
});
