import { shortHash } from "../basics/sha256.ts";
import {
  type ReleaseFingerprint,
  type ReleaseSettings,
  type ReleasedParts,
  releaseFingerprint,
} from "../plan/fingerprint.ts";
import type { ReleaseRegistry } from "../releases/record.ts";

/** A resource as the stack's state holds it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

const commandType = "command:local:Command";

/** Whether a resource is the command that waits for an Application's roll-out. */
export function isRollout(resource: StateResource): boolean {
  return resource.type === commandType && isPartOf(resource, "Application");
}

/** Name of the Application that a resource of {@link isRollout} waits for. */
export function rolledOut(resource: StateResource): string {
  return resourceName(resource).replace(/-rollout$/, "");
}

/** Whether a resource is a child of a component of this project. */
function isPartOf({ urn }: StateResource, component: "Chart" | "Application" | "Release"): boolean {
  return urn.includes(`tinyolly:index:${component}$`);
}

/** What the stack's state says was published and applied, by name. */
export interface Recorded {
  readonly images: ReadonlyMap<string, RecordedArtifact>;
  readonly charts: ReadonlyMap<string, RecordedArtifact>;
  readonly applications: ReadonlyMap<string, RecordedApplication>;
  /** Release that was recorded last. @default - none */
  readonly release?: RecordedRelease;
}

/** An image or a chart that was pushed, by this stack or by others. */
export interface RecordedArtifact {
  /** `host/repository:tag` of an image, `oci://host/folder/chart:version` of a chart. */
  readonly reference: string;
  /** Start of the key that it was made from. */
  readonly key: string;
  /** `sha256:…` of its manifest. */
  readonly digest: string;
  /** How often it was pushed again with the same content. */
  readonly pushes: number;
  /** Version of the app in a chart's package: the release that it was made for. @default - unknown */
  readonly appVersion?: string | undefined;
  /** Start of a hash over all that decides the image; see `BuildSteps`. @default - unknown */
  readonly result?: string | undefined;
  /** What decided each step of the build, by name; see `BuildStep`. @default - unknown */
  readonly steps?: Readonly<Record<string, string>> | undefined;
  /** Whether the registry had it already, so that no resource made it. @default false */
  readonly adopted?: boolean;
}

/** What a component notes of an artifact that the registry had already. */
export interface Adopted {
  /** As in {@link RecordedArtifact}. */
  readonly reference: string;
  readonly key: string;
}

/** What a component notes of `existing`, the `sha256:…` that it takes from the registry; undefined where it takes none. */
export function adoption(
  existing: string | undefined,
  reference: string,
  key: string,
): Adopted | undefined {
  return existing === undefined ? undefined : { reference, key: shortHash(key) };
}

/** An Argo CD Application that was applied. */
export interface RecordedApplication {
  readonly revision: string;
  readonly spec: unknown;
  /** How often it was put right without a change of its own. */
  readonly repairs: number;
  /** What the component noted of its objects. @default - nothing */
  readonly marks?: ObjectMarks;
}

/** What was last done to each object of an Application, by kind and name such as `Deployment web`. */
export type ObjectMarks = Readonly<Record<string, string>>;

/** A release whose record was stored. */
export interface RecordedRelease {
  readonly version: string;
  /** How often parts of it that went missing were put back. */
  readonly pushes: number;
  /** All that decided it. */
  readonly fingerprint: ReleaseFingerprint;
}

/** Nothing was published yet. */
export const nothingRecorded: Recorded = {
  images: new Map(),
  charts: new Map(),
  applications: new Map(),
};

/** Build argument and environment variable that make the plugins push the same content again; nothing reads them. */
export const pushesVariable = "TINYOLLY_PUSHES";

/** Annotation that makes the plugin apply the same Application again. */
export const repairsAnnotation = "tinyolly/repairs";

/** Name of a resource, the last part of its URN. */
export function resourceName({ urn }: Pick<StateResource, "urn">): string {
  return urn.slice(urn.lastIndexOf("::") + 2);
}

/** Picks what was published and applied out of a stack's resources. */
export function readRecorded(resources: readonly StateResource[]): Recorded {
  const images = new Map<string, RecordedArtifact>();
  const charts = new Map<string, RecordedArtifact>();
  const applications = new Map<string, RecordedApplication>();
  const marks = new Map<string, ObjectMarks>();
  const results = new Map<string, Pick<RecordedArtifact, "result" | "steps"> & PluginOutputs>();
  let release: RecordedRelease | undefined;
  for (const resource of resources) {
    const name = resourceName(resource);
    // As the plugins write them; fields are missing where an operation was cut off.
    const outputs = (resource.outputs ?? {}) as PluginOutputs;
    if (resource.type === "docker-build:index:Image" && outputs.digest !== undefined) {
      images.set(name, {
        reference: outputs.tags?.[0] ?? "",
        key: /-([0-9a-f]{12})\/(?:context|\1)$/.exec(outputs.context?.location ?? "")?.[1] ?? "",
        digest: outputs.digest,
        pushes: Number(outputs.buildArgs?.[pushesVariable] ?? 0),
      });
    } else if (
      resource.type === commandType &&
      outputs.stdout !== undefined &&
      isPartOf(resource, "Chart")
    ) {
      // The component writes the request, its command prints the digest.
      const { pushFolder = "", version = "", key = "", appVersion } = readTexts(outputs.stdin);
      const { digest = "" } = readTexts(outputs.stdout);
      charts.set(name, {
        reference: `${pushFolder}/${name}:${version}`,
        key: shortHash(key),
        digest,
        pushes: Number(outputs.environment?.[pushesVariable] ?? 0),
        ...(appVersion === undefined ? {} : { appVersion }),
      });
    } else if (resource.type === commandType && isPartOf(resource, "Release")) {
      release = readRelease(outputs);
    } else if (resource.type === "tinyolly:index:Image") {
      addAdopted(images, name, outputs);
      // As the component registers them.
      const { steps } = (resource.inputs ?? {}) as Pick<RecordedArtifact, "steps">;
      results.set(name, { ...outputs, steps });
    } else if (resource.type === "tinyolly:index:Chart") {
      addAdopted(charts, name, outputs);
    } else if (resource.type === "tinyolly:index:Application") {
      if (outputs.objects) marks.set(name, outputs.objects);
    } else if (resource.type === "kubernetes:argoproj.io/v1alpha1:Application") {
      applications.set(name, {
        revision: outputs.spec?.source?.targetRevision ?? "",
        spec: outputs.spec,
        repairs: Number(outputs.metadata?.annotations?.[repairsAnnotation] ?? 0),
      });
    }
  }
  for (const [name, { digest, result, steps }] of results) {
    const image = images.get(name);
    // A component that a run did not come to tells of the build before.
    if (image && image.digest === digest && result !== undefined)
      images.set(name, { ...image, result, steps });
  }
  for (const [name, noted] of marks) {
    const application = applications.get(name);
    if (application) applications.set(name, { ...application, marks: noted });
  }
  return { images, charts, applications, ...(release ? { release } : {}) };
}

function readRelease({ stdin, environment }: PluginOutputs): RecordedRelease {
  // As the component writes it.
  const request = readTexts(stdin) as Partial<ReleaseRequest>;
  const { release: version = "", aliases = [], images = {}, charts = {}, signing } = request;
  const { host: push = "", tls: pushTls = "verify", namespace = "" } = request.registry ?? {};
  const parts = (
    all: Readonly<Record<string, { readonly key: string }>>,
  ): ReleasedParts["images"] => Object.entries(all).map(([name, { key }]) => ({ name, key }));
  return {
    version,
    pushes: Number(environment?.[pushesVariable] ?? 0),
    fingerprint: releaseFingerprint(
      version,
      { images: parts(images), charts: parts(charts) },
      { push, pushTls, namespace },
      { aliases, signing },
    ),
  };
}

/** Components note what no resource of theirs made. */
function addAdopted(
  artifacts: Map<string, RecordedArtifact>,
  name: string,
  { adopted, digest = "" }: PluginOutputs,
): void {
  // A resource that a run left behind when it ended early is the better witness.
  if (adopted && !artifacts.has(name))
    artifacts.set(name, { ...adopted, digest, pushes: 0, adopted: true });
}

/** Fields of a JSON object; none of anything else, so that one odd output does not stop every run after it. */
function readTexts(json = ""): Partial<Record<string, string>> {
  try {
    // Both are objects of texts, or parts of one that nobody reads here.
    return Object(JSON.parse(json)) as Partial<Record<string, string>>;
  } catch {
    return {};
  }
}

/** What the command of a release is given, as far as it is read here. */
interface ReleaseRequest extends ReleaseSettings {
  readonly release: string;
  readonly registry: ReleaseRegistry;
  readonly images: Readonly<Record<string, { readonly key: string }>>;
  readonly charts: Readonly<Record<string, { readonly key: string }>>;
}

interface PluginOutputs {
  readonly digest?: string;
  readonly adopted?: Adopted;
  readonly result?: string;
  readonly tags?: readonly string[];
  readonly context?: { readonly location?: string };
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly stdout?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly spec?: { readonly source?: { readonly targetRevision?: string } };
  readonly objects?: ObjectMarks;
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}
