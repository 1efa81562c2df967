import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PlatformError, type PlatformSettings, hostPlatform } from "../settings.ts";
import type { Tool } from "../tools/find.ts";
import { provideTools } from "../tools/provide.ts";
import { whileLocked } from "./process-lock.ts";

/** Where the kernel keeps its interpreters of foreign programs. */
const kernelFolder = "/proc/sys/fs/binfmt_misc";
/** Which platforms need them; gone after a restart, as they are themselves. */
const notesFolder = "/run/tinyolly/emulation";
const lock = "/run/tinyolly/emulation.lock";

interface Emulator {
  /** Name of QEMU for this architecture. */
  readonly qemu: string;
  /** `e_machine` of its ELF files, in two bytes as the file has them. */
  readonly machine: string;
}

const emulators: Readonly<Record<string, Emulator>> = {
  "linux/amd64": { qemu: "qemu-x86_64", machine: String.raw`\x3e\x00` },
  "linux/arm64": { qemu: "qemu-aarch64", machine: String.raw`\xb7\x00` },
};

/**
 * Lets this machine run programs of other platforms, by QEMU and the kernel's binfmt_misc; does nothing for its own.
 * What others have registered already is used, and never changed.
 *
 * @throws PlatformError where the machine does not allow it, with what to do.
 */
export async function provideEmulation(
  settings: PlatformSettings,
  platforms: readonly string[],
  log: (line: string) => void,
): Promise<void> {
  for (const platform of platforms) {
    const emulator = emulators[platform];
    if (platform === hostPlatform || !emulator) continue;
    const { qemu } = emulator;
    mountKernelFolder(platform);
    const tool = emulatorTool(emulator);
    const path = (await provideTools([tool], settings.cache, log)).get(tool.name)?.path;
    if (path === undefined) throw new PlatformError(`${tool.name} could not be had`);
    whileLocked(lock, "emulation", () => {
      const users = join(notesFolder, qemu);
      mkdirSync(users, { recursive: true });
      // First, so that what a killed process registered has a user who takes it back.
      writeFileSync(join(users, userName(settings)), settings.state);
      if ([qemu, ownName(qemu)].some((name) => existsSync(join(kernelFolder, name)))) return;
      const line = registration(ownName(qemu), emulator.machine, path);
      write(join(kernelFolder, "register"), line, platform);
      log(`${platform}: emulated by ${path}`);
    });
  }
}

/** Platforms for which {@link provideEmulation} has done so. */
export function emulatedPlatforms(settings: PlatformSettings): string[] {
  return Object.entries(emulators).flatMap(([platform, { qemu }]) =>
    existsSync(join(notesFolder, qemu, userName(settings))) ? [platform] : [],
  );
}

/** Takes back what {@link provideEmulation} registered, unless another platform of this machine needs it. */
export function endEmulation(settings: PlatformSettings): void {
  for (const { qemu } of Object.values(emulators)) {
    const users = join(notesFolder, qemu);
    if (!existsSync(users)) continue;
    whileLocked(lock, "emulation", () => {
      rmSync(join(users, userName(settings)), { force: true });
      const own = join(kernelFolder, ownName(qemu));
      // -1 removes an interpreter.
      if (readdirSync(users).length === 0 && existsSync(own)) writeFileSync(own, "-1");
    });
  }
}

/** What platforms register has a name of its own, which tells it from what others did. */
function ownName(qemu: string): string {
  return `tinyolly-${qemu}`;
}

/**
 * Line that tells the kernel of an interpreter: programs are known by their ELF header, whatever its OS/ABI is and
 * whether they are position independent. `F` opens the interpreter now, so that it is there in every container.
 */
export function registration(name: string, machine: string, interpreter: string): string {
  const magic = String.raw`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00${machine}`;
  const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
  return `:${name}:M::${magic}:${mask}:${interpreter}:F`;
}

function emulatorTool({ qemu }: Emulator): Tool {
  return { name: `${qemu}-static`, version: "7", debian: "qemu-user-static" };
}

function mountKernelFolder(platform: string): void {
  if (existsSync(join(kernelFolder, "register"))) return;
  const run = spawnSync("mount", ["-t", "binfmt_misc", "binfmt_misc", kernelFolder], {
    encoding: "utf8",
  });
  if (run.status !== 0) throw refusal(platform, run.stderr.trim());
}

function write(file: string, text: string, platform: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw refusal(platform, String(error));
  }
}

function refusal(platform: string, why: string): PlatformError {
  return new PlatformError(
    `this machine cannot run programs for ${platform}: ${why}; enable binfmt_misc on it (a container cannot do so), ` +
      `or only build for ${platform} here, which needs no such programs`,
  );
}

function userName({ state }: PlatformSettings): string {
  return createHash("sha256").update(state).digest("hex").slice(0, 12);
}
