import { namespace } from "./namespace.ts";
import {
  destroy,
  type KubernetesObject,
  preview,
  refresh,
  type Resources,
  type Scenario,
  shell,
  up,
} from "./scenario.ts";

const kubectl = (text: string) => `kubectl -n ${namespace} ${text}`;
const applications = "applications.argoproj.io";
const list = shell(kubectl(`get ${applications} -o name`));
const show = (name: string, path: string) =>
  shell(kubectl(`get ${applications} ${name} -o jsonpath='${path}'`));

const edit = (name: string, revision: string) =>
  shell(
    kubectl(
      `patch ${applications} ${name} --type=merge -p '{"spec":{"source":{"targetRevision":"${revision}"}}}' >/dev/null`,
    ),
  );

/** Sets the revision as a controller does that owns what it sets. */
const own = (name: string, revision: string) =>
  shell(
    `echo '{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "${name}"}, ` +
      `"spec": {"source": {"targetRevision": "${revision}"}}}' | ` +
      kubectl("apply --server-side --field-manager=robot --force-conflicts -f - >/dev/null"),
  );

interface Difference {
  readonly revision?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

const application = (name: string, difference: Difference = {}): Resources => {
  const app: KubernetesObject = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Application",
    metadata: { namespace, name, ...difference.metadata },
    spec: {
      project: "none",
      source: {
        repoURL: "oci://example.invalid/charts/x",
        path: ".",
        targetRevision: difference.revision ?? "1.0.0",
      },
      destination: { server: "https://kubernetes.default.svc", namespace: "x" },
      ...difference.spec,
    },
  };
  return { objects: { app } };
};

const waitingFor = (name: string, annotations: Readonly<Record<string, string>>) =>
  application(name, { metadata: { annotations } });

/** Settings of {@link application} that take over fields of other managers. */
const forced = (revision: string): Difference => ({
  revision,
  metadata: { annotations: { "pulumi.com/patchForce": "true" } },
});

/** A Deployment whose pod never starts. */
const deployment = (name: string, annotations: Readonly<Record<string, string>>): Resources => {
  const labels = { app: name };
  const container = { name, image: "localhost/nothing", imagePullPolicy: "Never" };
  const app: KubernetesObject = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { namespace, name, annotations },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
  };
  return { objects: { app } };
};

const unknownKind: Resources = {
  objects: {
    x: { apiVersion: "nowhere.example/v1", kind: "Nothing", metadata: { name: "x", namespace } },
  },
};

const refused = application("j1", { spec: { project: 5 } });
const refusal = /"j1" is invalid: spec\.project: .*must be of type string/;

const unreachable: Resources = {
  ...application("k1"),
  kubeconfig: JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  }),
};

export const kubernetesScenarios: readonly Scenario[] = [
  {
    name: "kubernetes: create, unchanged, update, delete",
    since: "4.29.0",
    steps: [
      preview(application("a1")),
      list,
      up(application("a1")),
      show("a1", "{.spec.source.targetRevision} {.metadata.managedFields[*].manager}"),
      preview(application("a1")),
      preview(application("a1", { revision: "2.0.0" })),
      up(application("a1", { revision: "2.0.0" })),
      show("a1", "{.spec.source.targetRevision}"),
      destroy,
      list,
    ],
  },
  {
    name: "kubernetes: another name replaces",
    steps: [up(application("b1")), preview(application("b2")), up(application("b2")), list],
  },
  {
    name: "kubernetes: an object that exists already",
    since: "4.29.0",
    steps: [
      shell(
        `echo '{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "c1"}, ` +
          `"spec": {"project": "none", "source": {"repoURL": "x", "path": "."}, ` +
          `"destination": {"namespace": "x"}}}' | ${kubectl("create -f -")}`,
      ),
      up(application("c1"), /"c1" already exists.*pulumi import.*upsertExistingObjects/s),
    ],
  },
  {
    name: "kubernetes: a field edited behind its back",
    since: "4.29.0",
    steps: [
      up(application("d1")),
      edit("d1", "9.9.9"),
      preview(application("d1")),
      refresh(application("d1")),
      preview(application("d1")),
      up(application("d1")),
      show("d1", "{.spec.source.targetRevision}"),
    ],
  },
  {
    name: "kubernetes: an annotation made by kubectl goes with the first update",
    steps: [
      up(application("e1")),
      shell(kubectl(`annotate ${applications} e1 other=1 >/dev/null`)),
      preview(application("e1")),
      up(application("e1", { revision: "3.0.0" })),
      show("e1", "{.metadata.annotations.other}"),
    ],
    standIn: {
      because: "fields that the program does not name are none of its business",
      instead: { 4: { stdout: "1" } },
    },
  },
  {
    name: "kubernetes: a removed field goes",
    steps: [
      up(application("f1", { spec: { syncPolicy: { automated: { prune: true } } } })),
      up(application("f1")),
      show("f1", "{.spec.syncPolicy}"),
    ],
  },
  {
    name: "kubernetes: waitFor that is not met times out",
    steps: [
      up(
        waitingFor("g1", {
          "pulumi.com/waitFor": "jsonpath={.status.sync.status}=Never",
          "pulumi.com/timeoutSeconds": "5",
        }),
        /was successfully created, but .*failed to.*timed out.*waiting for/s,
      ),
      list,
      preview(application("g1")),
    ],
  },
  {
    name: "kubernetes: waitFor of several conditions that are met",
    steps: [
      up(
        waitingFor("h1", {
          "pulumi.com/waitFor": JSON.stringify([
            "jsonpath={.spec.project}=none",
            "jsonpath={.metadata.name}=h1",
          ]),
        }),
      ),
    ],
  },
  {
    name: "kubernetes: a kind that the cluster does not know",
    steps: [
      preview(unknownKind),
      up(unknownKind, /does not (exist|serve).*no matches for kind "Nothing"/s),
    ],
  },
  {
    name: "kubernetes: a namespace that does not exist",
    steps: [
      up(
        application("i1", { metadata: { namespace: "absent" } }),
        /not successfully created.*namespaces "absent" not found/,
      ),
    ],
  },
  {
    name: "kubernetes: a spec that the schema refuses",
    since: "4.29.0",
    steps: [preview(refused, refusal), up(refused, refusal)],
  },
  {
    name: "kubernetes: an unreachable cluster",
    steps: [
      preview(unreachable),
      up(unreachable, /cluster is unreachable.*127\.0\.0\.1:1.*connection refused/s),
    ],
  },
  {
    name: "kubernetes: deleted behind its back",
    steps: [
      up(application("l1")),
      shell(kubectl(`delete ${applications} l1 >/dev/null`)),
      preview(application("l1")),
      refresh(application("l1")),
      up(application("l1")),
      list,
    ],
  },
  {
    name: "kubernetes: a field edited after a server-side update",
    steps: [
      up(application("m1")),
      up(application("m1", { revision: "2.0.0" })),
      edit("m1", "9.9.9"),
      preview(application("m1", { revision: "2.0.0" })),
      preview(application("m1", { revision: "3.0.0" }), /conflict with "kubectl-patch"/),
      up(application("m1", { revision: "3.0.0" })),
      show("m1", "{.spec.source.targetRevision}"),
    ],
  },
  {
    name: "kubernetes: a field edited after a server-side update, with patchForce",
    steps: [
      up(application("n1", forced("1.0.0"))),
      up(application("n1", forced("2.0.0"))),
      edit("n1", "9.9.9"),
      preview(application("n1", forced("3.0.0"))),
      up(application("n1", forced("3.0.0"))),
      show("n1", "{.spec.source.targetRevision}"),
    ],
  },
  {
    name: "kubernetes: a field that another manager owns",
    steps: [
      up(application("p1")),
      own("p1", "9.9.9"),
      up(application("p1", { revision: "2.0.0" }), /conflict with "robot"/),
      preview(application("p1", { revision: "2.0.0" }), /conflict with "robot"/),
      up(application("p1", forced("3.0.0"))),
      show("p1", "{.spec.source.targetRevision}"),
    ],
  },
  {
    name: "kubernetes: a first Deployment is awaited",
    steps: [
      up(
        deployment("o1", { "pulumi.com/timeoutSeconds": "5" }),
        /was successfully created, but .*timed out waiting to be Ready/,
      ),
      up(deployment("o1", { "pulumi.com/skipAwait": "true" })),
      destroy,
    ],
    standIn: {
      because: "the program makes no object that the official plugin waits for",
      instead: { 0: { exit: 0, failed: undefined, outputs: { app: "o1" } } },
    },
  },
];
