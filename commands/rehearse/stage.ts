import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseDocument } from "yaml";
import { RegistryClient } from "../../delivery/registry/client.ts";
import { writeDockerConfig } from "../../platform/docker-config.ts";
import { environment, stackConfig } from "../../platform/environment.ts";
import { type AccountName, rehearsalToken } from "../../platform/ghcr/accounts.ts";
import { rehearsalEnvironment } from "../../platform/ghcr/certificates.ts";
import { airgapRegistryHost, rehearsalRegistryHost } from "../../platform/ghcr/settings.ts";
import { logFile } from "../../platform/machine/processes.ts";
import { PlatformError, type PlatformSettings, project } from "../../platform/settings.ts";
import type { Product } from "./product.ts";

/** What a command did. */
export interface Ran {
  readonly status: number | null;
  /** Standard output and error. */
  readonly output: string;
  readonly stdout: string;
}

/** How a stack of the rehearsal differs from what is committed. */
export type Changes = Readonly<Record<string, unknown>>;

/** What a {@link Stage} is made of. */
export interface StageOptions {
  readonly settings: PlatformSettings;
  readonly product: Product;
  /** Folder that it fills; what is there goes. */
  readonly folder: string;
  /** Path before image and chart names in all registries. @default - as on GHCR */
  readonly namespace?: string;
  /** Configuration of `prod` that is not that of this project. @default - none */
  readonly changes?: Changes;
}

/**
 * A copy of this project in a Git repository of its own, with the stack `prod` pointed at the rehearsal's registry: what users do, without a
 * trace in the checkout they work in.
 */
export class Stage {
  /** Folder of the copy. */
  public readonly checkout: string;
  /** Host and port of the registry that stands for GHCR. */
  public readonly registry: string;
  /** Path before image and chart names. */
  public readonly namespace: string;
  public readonly settings: PlatformSettings;
  public readonly product: Product;
  /** Password of the keys that are made. */
  public readonly keyPassword = randomBytes(16).toString("hex");
  readonly #folder: string;
  readonly #changes: Changes;
  #account: AccountName = "writer";

  public constructor(options: StageOptions) {
    const {
      settings,
      product,
      folder,
      namespace = "ryanfaircloth/tinyolly",
      changes = {},
    } = options;
    this.settings = settings;
    this.product = product;
    this.#folder = folder;
    this.#changes = changes;
    this.namespace = namespace;
    this.checkout = join(folder, "checkout");
    this.registry = rehearsalRegistryHost(settings);
  }

  /** Makes the copy anew, with everything committed and the stacks made. */
  public build(): void {
    rmSync(this.#folder, { recursive: true, force: true });
    copyProject(this.checkout);
    this.product.prepare(this.checkout);
    mkdirSync(join(this.#folder, "state"), { recursive: true });
    const host = this.registry;
    this.makeKey("cosign");
    const shared = {
      registryNamespace: this.namespace,
      builder: "tinyolly",
      registryCache: false,
      ...{ signing: "key", signingKey: this.keyFile("cosign.key") },
      signingPublicKey: this.keyFile("cosign.pub"),
    };
    this.configure("prod", {
      ...shared,
      ...{ registryPush: host, registryPull: host, registryInCluster: host },
      ...{ deploy: true, kubeContext: "tinyolly", waitSeconds: 600 },
      ...this.#changes,
    });
    this.configure("airgap", {
      ...shared,
      ...{ registryPush: airgapRegistryHost(this.settings), registryPushTls: "plain-http" },
      ...{ versioning: "content", deploy: false },
    });
    const local = stackConfig(this.settings);
    if (local !== undefined) cpSync(local, join(this.checkout, "Pulumi.local.yaml"));
    const development = {
      ...{ deploy: false, chartValues: {}, signing: "none" },
      registryNamespace: `${this.namespace}-development`,
    };
    this.configure("local", development, "local");
    for (const stack of ["prod", "local", "airgap"])
      this.mustRun("pulumi", ["stack", "init", stack]);
    this.git("init", "--quiet", "--initial-branch=main");
    // A link, which the pattern for the folder does not cover.
    writeFileSync(join(this.checkout, ".git/info/exclude"), "node_modules\n");
    this.commit("As it is");
  }

  /** Path of a private key (`name.key`) or a public one (`name.pub`). */
  public keyFile(name: string): string {
    return join(this.#folder, name);
  }

  /** Makes a pair of keys to sign with. */
  public makeKey(name: string): void {
    this.mustRun("cosign", ["generate-key-pair", `--output-key-prefix=${this.keyFile(name)}`]);
  }

  /** Uses the token of another account from now on. */
  public use(account: AccountName): void {
    this.#account = account;
  }

  /** What every command gets. */
  public environment(): NodeJS.ProcessEnv {
    const platform = environment(this.settings);
    const trust = rehearsalEnvironment(this.settings);
    const base = {
      ...process.env,
      ...platform,
      ...trust,
      // Stacks have their own files in the copy.
      PULUMI_OPTION_CONFIG_FILE: undefined,
      PULUMI_BACKEND_URL: pathToFileURL(join(this.#folder, "state")).href,
      // The platform's own settings, which the copy must not take for those of a platform of its own.
      TINYOLLY_STATE: this.settings.state,
      TINYOLLY_REGISTRY_HOST: this.registry,
      TINYOLLY_REGISTRY_TOKEN: rehearsalToken(this.settings, this.#account),
      COSIGN_PASSWORD: this.keyPassword,
      NO_COLOR: "1",
      ...author,
    };
    return { ...base, ...writeDockerConfig(join(this.#folder, "docker"), base) };
  }

  /** Changes a stack's configuration; what is not named stays. */
  public configure(stack: string, changes: Changes, like = "prod"): void {
    const file = join(this.checkout, `Pulumi.${stack}.yaml`);
    const from = existsSync(file) ? file : join(this.checkout, `Pulumi.${like}.yaml`);
    const document = parseDocument(readFileSync(from, "utf8"));
    for (const [key, value] of Object.entries(changes))
      document.setIn(["config", `tinyolly:${key}`], value);
    writeFileSync(file, document.toString());
  }

  public git(...args: string[]): string {
    return this.mustRun("git", args).stdout.trim();
  }

  /** Commits everything. */
  public commit(message: string): void {
    this.git("add", "--all");
    this.git("commit", "--quiet", "--allow-empty", "--message", message);
  }

  /** Puts an annotated tag on HEAD; one that is there moves. */
  public tag(name: string): void {
    this.git("tag", "--annotate", "--force", name, "--message", name);
  }

  /** Runs a program in the copy. */
  public run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
    const done = spawnSync(command, args, {
      cwd: this.checkout,
      env: { ...this.environment(), ...env },
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    if (done.error) throw new PlatformError(`${command} cannot be run: ${done.error.message}`);
    return { status: done.status, stdout: done.stdout, output: `${done.stdout}${done.stderr}` };
  }

  /** Runs a program that must succeed. */
  public mustRun(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Ran {
    const ran = this.run(command, args, env);
    if (ran.status !== 0)
      throw new PlatformError(`${command} ${args.join(" ")} failed:\n${ran.output.trim()}`);
    return ran;
  }

  /** The same while this process goes on, which may serve what the program asks for. */
  public start(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Ran> {
    const child = spawn(command, args, {
      cwd: this.checkout,
      env: { ...this.environment(), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (status) => {
        resolve({ status, stdout, output: `${stdout}${stderr}` });
      });
    });
  }

  /** Runs one of the commands about releases. */
  public release(...args: string[]): Promise<Ran> {
    return this.start("node", ["commands/release/cli.ts", ...args]);
  }

  /** Verifies what was published. */
  public verify(ref: string, ...flags: readonly string[]): Promise<Ran> {
    const command = ["commands/release/verify-cli.ts", "--ref", ref];
    return this.start("node", [...command, ...flags]);
  }

  /** `pulumi up` of a stack, as a script would run it. */
  public up(stack = "prod", env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const args = ["up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive"];
    return this.start("pulumi", [...args, "--color=never"], env);
  }

  /** Removes the Applications; what was published stays. */
  public destroy(): Promise<Ran> {
    const args = ["destroy", "--stack=prod", "--yes", "--skip-preview", "--non-interactive"];
    return this.start("pulumi", [...args, "--color=never"]);
  }

  /** What a stack exports. */
  public outputs(stack = "prod"): StageOutputs {
    const { stdout } = this.mustRun("pulumi", ["stack", "output", "--json", "--stack", stack]);
    // The exports of index.ts.
    return JSON.parse(stdout) as StageOutputs;
  }

  /** Runs `body` with a client for the registry, as it is. */
  public async asked<T>(body: (client: RegistryClient) => Promise<T>): Promise<T> {
    const env = this.environment();
    const client = new RegistryClient({ host: this.registry, tls: "verify" }, { env });
    try {
      return await body(client);
    } finally {
      client.close();
    }
  }

  /** Requests that changed something in this stage's part of the registry since it started, as `METHOD /path`. */
  public writes(): string[] {
    const log = readFileSync(logFile(this.settings.state, "rehearsal-registry"), "utf8");
    return [...log.matchAll(/"((?:PUT|POST|PATCH|DELETE) \/v2\/[^ "]*)/g)]
      .map(([, request = ""]) => request)
      .filter((request) => request.includes(` /v2/${this.namespace}`));
  }
}

/** The outputs of a stack, as far as a rehearsal looks at them. */
export interface StageOutputs {
  readonly images: Readonly<Record<string, { readonly tag: string; readonly digest: string }>>;
  readonly charts: Readonly<Record<string, { readonly version: string; readonly digest: string }>>;
  readonly applications: Readonly<Record<string, { readonly revision: string }>>;
  readonly release?: { readonly version: string; readonly digest: string };
}

const author = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((role) => [
    [`GIT_${role}_NAME`, "Rehearsal"],
    [`GIT_${role}_EMAIL`, "rehearsal@tinyolly.test"],
  ]),
);

/** What git would clone, with the changes of the moment. */
export function copyProject(checkout: string): void {
  const list = spawnSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: project,
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  for (const file of list.stdout.split("\0").filter((name) => name !== "")) {
    const from = join(project, file);
    // Deleted, but not yet committed; or the link to the packages.
    if (!existsSync(from) || (lstatSync(from).isSymbolicLink() && file === "node_modules"))
      continue;
    mkdirSync(dirname(join(checkout, file)), { recursive: true });
    cpSync(from, join(checkout, file), { verbatimSymlinks: true });
  }
  symlinkSync(join(project, "node_modules"), join(checkout, "node_modules"));
}
