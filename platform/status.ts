import { environment } from "./environment.ts";
import {
  type Crash,
  type Service,
  logFile,
  memoryBytes,
  serviceCrash,
  servicePid,
} from "./machine/processes.ts";
import { allFactories } from "./servers.ts";
import type { PlatformSettings } from "./settings.ts";

/** One server as it is now. */
export interface ServiceStatus {
  readonly name: string;
  readonly address: string;
  /** Undefined when it does not run. */
  readonly pid: number | undefined;
  readonly health: "ready" | "not ready" | "stopped" | "crashed";
  /** Bytes, with what it started; pages shared with others count in part. */
  readonly memory: number;
  /** File to which it writes. */
  readonly log: string;
  /** How it ended; undefined unless it crashed. */
  readonly crash?: Crash;
}

/** State of every server, in start order. */
export async function platformStatus(settings: PlatformSettings): Promise<ServiceStatus[]> {
  Object.assign(process.env, environment(settings));
  const services = allFactories(settings).map((factory) => factory(settings));
  return Promise.all(services.map((service) => statusOf(settings, service)));
}

async function statusOf(settings: PlatformSettings, service: Service): Promise<ServiceStatus> {
  const { name, address } = service;
  const pid = servicePid(settings.state, name);
  const log = logFile(settings.state, name);
  if (pid === undefined) {
    const crash = serviceCrash(settings.state, name);
    const ended = crash
      ? ({ health: "crashed", crash } as const)
      : ({ health: "stopped" } as const);
    return { name, address, pid, memory: 0, log, ...ended };
  }
  const health = (await service.ready().catch(() => false)) ? "ready" : "not ready";
  return { name, address, pid, health, memory: memoryBytes(pid), log };
}
