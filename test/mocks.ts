import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import * as pulumi from "@pulumi/pulumi";
import type {
  RegisterResourceOutputsRequest,
  RegisterResourceRequest,
} from "@pulumi/pulumi/proto/resource_pb.js";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks.js";
import type { StateResource } from "../delivery/findings/recorded.ts";

/** A resource as the engine is told of it; resources that it refers to are `type::name`. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  /** With {@link unknown} wherever a value waits for `up`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What a component registered at its end; undefined for other resources. */
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly parent: string | undefined;
  readonly dependsOn: readonly string[];
  readonly provider: string | undefined;
  readonly retainOnDelete: boolean;
  readonly deleteBeforeReplace: boolean;
  /** Paths of inputs of which a change replaces the resource. */
  readonly replaceOnChanges: readonly string[];
}

/** What the engine holds of a stack between two runs: type and outputs of each resource, by URN. */
export type StackState = Readonly<Record<string, Omit<StateResource, "urn">>>;

/** Stands for a value that is not known before `up`. */
export const unknown = pulumi.runtime.unknownValue;

/** Derives what a provider adds to the inputs of a resource. */
export type MockProvider = (
  inputs: Readonly<Record<string, unknown>>,
  preview: boolean,
) => Readonly<Record<string, unknown>>;

const nothing: MockProvider = () => ({});

/** Every type that the program may register; in a preview the real plugins leave out the same outputs. */
const knownProviders: Readonly<Record<string, MockProvider>> = {
  "docker-build:index:Image": ({ tags }, preview) => (preview ? {} : { digest: digestOf(tags) }),
  "command:local:Command": ({ stdin }, preview) =>
    preview ? {} : { stdout: JSON.stringify({ digest: digestOf(stdin) }) },
  "pulumi:providers:kubernetes": nothing,
  "kubernetes:core/v1:Secret": nothing,
  "kubernetes:argoproj.io/v1alpha1:Application": nothing,
};

/** How {@link record} plays the engine. */
export interface RecordOptions {
  readonly preview: boolean;
  /** Configuration, with the keys and the JSON texts that the CLI hands over. @default - none */
  readonly config?: Readonly<Record<string, string>>;
  /** Replaces mock providers, by type. @default - none */
  readonly providers?: Readonly<Record<string, MockProvider>>;
  /** What the run before left, as {@link Recording.state}. @default - the stack was never run */
  readonly state?: StackState;
}

/** What a program did. */
export interface Recording<T> {
  readonly registrations: readonly Registration[];
  /** What the engine would hold of it. */
  readonly state: StackState;
  /** What it returned, with outputs replaced by their values or by {@link unknown}. */
  readonly result: T;
}

/**
 * Runs `program` against mock providers and waits for all that it registers.
 *
 * What this does not show: the engine's own checks and diffs, the plugins' checks, and hooks.
 *
 * @throws when a resource has a type without mock provider, or a provider function is called; only the engine's own
 * state may be read.
 */
export async function record<T>(
  { preview, config = {}, providers = {}, state = {} }: RecordOptions,
  program: () => T | Promise<T>,
): Promise<Recording<pulumi.Unwrap<T>>> {
  const monitor = new RecordingMonitor({ ...knownProviders, ...providers }, preview, state);
  // Sets the features of an engine as well, which setMockOptions does not.
  await pulumi.runtime.setMocks(monitor.mocks, "tinyolly", "test", preview);
  pulumi.runtime.setMockOptions(monitor, "tinyolly", "test", preview, "owner");
  pulumi.runtime.setAllConfig(config);
  try {
    const value = await program();
    const { result } = await pulumi.runtime.serializeProperties("result", { result: value });
    await pulumi.runtime.disconnect();
    if (monitor.unexpected.length > 0) throw new Error(monitor.unexpected.join("\n"));
    return {
      registrations: monitor.registrations(),
      state: monitor.state(),
      // Serializing puts values in the place of outputs.
      result: result as pulumi.Unwrap<T>,
    };
  } finally {
    await pulumi.runtime.disconnect();
  }
}

/** The only registration of a type, or of a type and name. */
export function only(
  registrations: readonly Registration[],
  type: string,
  name?: string,
): Registration {
  const found = ofType(registrations, type).filter(
    (one) => name === undefined || one.name === name,
  );
  const [first] = found;
  if (!first || found.length > 1) throw new Error(`${found.length} of ${type} ${name ?? ""}`);
  return first;
}

/** Registrations whose type begins with `type`. */
export function ofType(registrations: readonly Registration[], type: string): Registration[] {
  return registrations.filter((registration) => registration.type.startsWith(type));
}

/** A digest that follows from a value, as those of real artifacts do. */
export function digestOf(value: unknown): string {
  return `sha256:${createHash("sha256").update(JSON.stringify(value)).digest("hex")}`;
}

type Callback = (error: unknown, response: unknown) => void;

/** The SDK's mocks do not see parents, dependencies and options, hence this one listens to the requests. */
class RecordingMonitor extends MockMonitor {
  public readonly unexpected: string[] = [];
  readonly #registered = new Map<string, Registration>();

  public constructor(
    providers: Readonly<Record<string, MockProvider>>,
    preview: boolean,
    state: StackState,
  ) {
    super({
      newResource: ({ type, name, inputs, custom = false }) => {
        const provider = custom ? providers[type] : nothing;
        if (!provider) this.unexpected.push(`${type} ${name} has no mock provider`);
        // Inputs are always a map.
        const given = inputs as Record<string, unknown>;
        return { id: `${name}-id`, state: { ...given, ...provider?.(given, preview) } };
      },
      call: ({ token, inputs }) => {
        if (isQuestionForState(token, inputs)) return { outputs: state };
        this.unexpected.push(`${token} was called`);
        return {};
      },
    });
  }

  public registrations(): Registration[] {
    return [...this.#registered.values()];
  }

  public state(): StackState {
    return Object.fromEntries(
      [...this.getRegisteredResources()].map(([urn, { state }]) => {
        const registration = this.#registered.get(shortName(urn));
        const outputs = registration?.outputs ?? plain(state);
        return [urn, { type: registration?.type ?? "", outputs }];
      }),
    );
  }

  public override registerResource(
    req: RegisterResourceRequest,
    callback: Callback,
  ): Promise<void> {
    const registration: Registration = {
      type: req.getType(),
      name: req.getName(),
      inputs: plain(req.getObject()?.toJavaScript()),
      parent: req.getParent() === "" ? undefined : shortName(req.getParent()),
      dependsOn: req.getDependenciesList().map(shortName).sort(),
      provider: req.getProvider() === "" ? undefined : shortName(req.getProvider()),
      retainOnDelete: req.getRetainondelete() ?? false,
      deleteBeforeReplace: req.getDeletebeforereplace(),
      replaceOnChanges: req.getReplaceonchangesList(),
    };
    this.#registered.set(`${registration.type}::${registration.name}`, registration);
    return super.registerResource(req, callback);
  }

  public override registerResourceOutputs(
    req: RegisterResourceOutputsRequest,
    callback: Callback,
  ): void {
    const name = shortName(req.getUrn());
    const registration = this.#registered.get(name);
    const outputs = plain(req.getOutputs()?.toJavaScript());
    if (registration) this.#registered.set(name, { ...registration, outputs });
    super.registerResourceOutputs(req, callback);
  }
}

/** Whether a program asks the engine for the state of its own stack, the one call that is no plugin's. */
function isQuestionForState(token: string, inputs: unknown): boolean {
  return (
    token === "pulumi:pulumi:readStackResourceOutputs" &&
    isDeepStrictEqual(inputs, { stackName: "owner/tinyolly/test" })
  );
}

/** `type::name` of a URN `urn:pulumi:stack::project::parent-type$type::name`; what follows is a provider's id. */
function shortName(urn: string): string {
  const [, , types = "", name = ""] = urn.split("::");
  return `${types.split("$").at(-1) ?? ""}::${name}`;
}

/** Takes the wrapping of secrets off. */
function plain(value: unknown): Record<string, unknown> {
  const text = JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && pulumi.runtime.specialSigKey in part
      ? "value" in part && part.value
      : part,
  );
  // Inputs and outputs are always a map.
  return JSON.parse(text) as Record<string, unknown>;
}
