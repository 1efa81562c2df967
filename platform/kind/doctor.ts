import { tmpdir } from "node:os";
import { variable } from "../../delivery/basics/variable.ts";
import { type Check, diskCheck, leftovers, programCheck } from "../doctor.ts";
import { portHolder } from "../machine/port-holder.ts";
import { PlatformError, type PlatformSettings } from "../settings.ts";
import { ownerOf, requireOwnCluster } from "./cluster.ts";
import { requireDocker, requireMachine } from "./machine.ts";
import { kindStatus } from "./platform.ts";
import { kindEnvironment } from "./settings.ts";

/** Programs that people need to have, with the arguments that make them say their version. */
const programs: readonly (readonly [name: string, ...args: string[]])[] = [
  ["git", "--version"],
  ["make", "--version"],
  ["node", "--version"],
  ["npm", "--version"],
  ["docker", "--version"],
  ["kind", "version"],
  ["kubectl", "version", "--client"],
  ["helm", "version"],
  ["openssl", "version"],
];

/** Ports of the node on this machine. */
const published = ["registryTls", "registry", "ui", "otlp", "otlpHttp"] as const;

/** Looks at all that a kind cluster stands on, and changes nothing. */
export function examineKind(settings: PlatformSettings): Check[] {
  const env = { ...process.env, ...kindEnvironment(settings) };
  const engine = check("Docker's engine", () => `answers as version ${requireDocker(env)}`);
  const answers = engine.state === "fine";
  const owner = answers ? ownerOf(settings, env) : "nobody";
  return [
    ...programs.map((program) => programCheck(program, env["PATH"] ?? "")),
    engine,
    ...(answers ? [check("versions", () => allNew(env)), clusterCheck(settings, env)] : []),
    ...(owner === "us" ? [] : published.flatMap((name) => portCheck(settings.ports[name]))),
    diskCheck(settings.state),
    ...leftovers(variable(env, "TMPDIR") ?? tmpdir()),
  ];
}

function allNew(env: NodeJS.ProcessEnv): string {
  requireMachine(env);
  return "new enough";
}

function clusterCheck(settings: PlatformSettings, env: NodeJS.ProcessEnv): Check {
  return check("cluster", () => {
    requireOwnCluster(settings, env);
    const parts = kindStatus(settings);
    const ill = parts.filter(({ health }) => health === "not ready");
    if (ill.length > 0)
      throw new PlatformError(
        `${ill.map(({ name }) => name).join(", ")}: not ready; PLATFORM=kind make platform-up starts what does not run`,
      );
    const ready = parts.filter(({ health }) => health === "ready");
    return `${ready.length} of ${parts.length} parts run`;
  });
}

function portCheck(port: number): Check[] {
  const holder = portHolder(port);
  if (holder?.listens !== true) return [];
  const found = `${holder.name} has it; end it, since with PLATFORM=kind ports cannot be moved`;
  return [{ what: `port ${port}`, state: "missing", found }];
}

/** What a look finds, or why it is refused. */
function check(what: string, look: () => string): Check {
  try {
    return { what, state: "fine", found: look() };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { what, state: "missing", found: error.message };
  }
}
