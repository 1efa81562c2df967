import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { variable } from "../../delivery/basics/variable.ts";
import { replace, whileAlone } from "../machine/draft.ts";
import { isWritable, requireOwn } from "../machine/ownership.ts";
import { PlatformError, type PlatformSettings, project } from "../settings.ts";
import { type Plugin, pulumiPlugins, pulumiTools, pulumiVersion } from "../tools/catalog.ts";
import { type Tool, cachedPath } from "../tools/find.ts";
import { provideTools } from "../tools/provide.ts";

/** A plugin that is ready, and where it came from. */
export interface ReadyPlugin {
  readonly plugin: Plugin;
  readonly origin: "official" | "built from its sources" | "stand-in";
}

const noteName = "made-here";

/**
 * Folder that `PULUMI_HOME` names: an own one, so that no stand-in gets in the way of other projects. Pulumi writes in
 * it, so where it cannot be written the platform's state has another one.
 */
export function pulumiHome(
  settings: PlatformSettings,
  env: NodeJS.ProcessEnv = process.env,
): string {
  const shared = sharedHome(settings, env);
  return isWritable(shared) ? shared : join(settings.state, "pulumi-home");
}

function sharedHome({ cache }: PlatformSettings, env: NodeJS.ProcessEnv = process.env): string {
  return variable(env, "PULUMI_HOME") ?? join(cache, "pulumi");
}

/** Folder of the CLI, where the npm package `pulumi` looks for it as well. */
export function pulumiBin(home: string): string {
  return join(home, "versions", pulumiVersion, "bin");
}

/**
 * Fills `PULUMI_HOME` with the CLI and the provider plugins: what is installed stays; else Pulumi's own installer,
 * where it answers within 3 s; else a build from Go modules.
 */
export async function providePulumi(
  settings: PlatformSettings,
  log: (line: string) => void,
): Promise<ReadyPlugin[]> {
  const home = pulumiHome(settings);
  const shared = sharedHome(settings);
  if (shared === join(settings.cache, "pulumi"))
    requireOwn(settings.cache, [
      settings.cache,
      shared,
      pulumiBin(shared),
      join(shared, "plugins"),
    ]);
  if (lacks(settings, home))
    await whileAlone({ path: join(home, "platform"), label: "Pulumi", log }, () =>
      fillHome(settings, home, log),
    );
  return pulumiPlugins.map((plugin) => ({ plugin, origin: originOf(home, plugin) }));
}

/** What {@link providePulumi} builds, since nothing can be downloaded. */
export async function pulumiSources(settings: PlatformSettings): Promise<readonly Tool[]> {
  const home = pulumiHome(settings);
  if (!lacks(settings, home) || (await installerAnswers())) return [];
  const plugins = pulumiPlugins.filter((plugin) => !isInstalled(settings, home, plugin));
  return [
    ...plugins.map(({ substitute }) => substitute),
    ...(isCliMissing(settings, home) ? pulumiTools : []),
  ];
}

function lacks(settings: PlatformSettings, home: string): boolean {
  return (
    isCliMissing(settings, home) ||
    !pulumiPlugins.every((plugin) => isInstalled(settings, home, plugin))
  );
}

/** What another process has installed meanwhile stays. */
async function fillHome(
  settings: PlatformSettings,
  home: string,
  log: (line: string) => void,
): Promise<void> {
  const missingCli = isCliMissing(settings, home) && !(await adoptCli(settings, home));
  const missing: Plugin[] = [];
  for (const plugin of pulumiPlugins)
    if (!isInstalled(settings, home, plugin) && !(await adopt(settings, home, plugin)))
      missing.push(plugin);
  if (!missingCli && missing.length === 0) return;
  const online = await installerAnswers();
  if (missingCli) await provideCli(settings, home, online, log);
  for (const plugin of missing)
    if (!online || !download(home, plugin, log)) await substitute(settings, home, plugin, log);
}

function isCliMissing(settings: PlatformSettings, home: string): boolean {
  return !existsSync(join(pulumiBin(home), "pulumi")) || isOutdatedCli(settings, home);
}

async function provideCli(
  settings: PlatformSettings,
  home: string,
  online: boolean,
  log: (line: string) => void,
): Promise<void> {
  const bin = pulumiBin(home);
  if (online) {
    log(`pulumi ${pulumiVersion}: installing`);
    if (await replace(bin, install)) return;
  }
  const tools = await provideTools(pulumiTools, settings.cache, log);
  await replace(bin, (draft) => {
    for (const { tool, path } of tools.values()) copyFileSync(path, join(draft, tool.name));
    writeFileSync(join(draft, dynamicProvider.name), dynamicProvider.script, { mode: 0o755 });
    writeFileSync(join(draft, noteName), cliRecipe(settings));
    return draft;
  });
}

/** Has Pulumi's installer fill another home. Returns the folder of its CLI, if it succeeds. */
function install(home: string): string | undefined {
  const run = spawnSync("node", [join(project, "node_modules/pulumi/run.js"), "version"], {
    env: { ...process.env, PULUMI_HOME: home },
    stdio: "ignore",
  });
  return run.status === 0 ? pulumiBin(home) : undefined;
}

/** Runs the provider of dynamic resources, which the CLI wants beside itself. */
const dynamicProvider = {
  name: "pulumi-resource-pulumi-nodejs",
  script: '#!/bin/sh\nexec node "$PWD/node_modules/@pulumi/pulumi/cmd/dynamic-provider" "$@"\n',
} as const;

/** Whether the CLI was made here, and would be made in another way now. */
function isOutdatedCli(settings: PlatformSettings, home: string): boolean {
  const bin = pulumiBin(home);
  const madeHere = readText(join(bin, dynamicProvider.name)) === dynamicProvider.script;
  return madeHere && readText(join(bin, noteName)) !== cliRecipe(settings);
}

/** Names of the cache folders of the CLI's programs, which stand for all that decides their builds. */
function cliRecipe({ cache }: PlatformSettings): string {
  return pulumiTools.map((tool) => `${basename(dirname(cachedPath(tool, cache)))}\n`).join("");
}

function readText(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Takes the CLI of the shared home, where that cannot be written. Returns whether it has one. */
async function adoptCli(settings: PlatformSettings, home: string): Promise<boolean> {
  const shared = sharedHome(settings);
  if (shared === home || isCliMissing(settings, shared)) return false;
  return linkFolder(pulumiBin(shared), pulumiBin(home));
}

/** Takes a plugin of the shared home, or an official one that the user has from other work. Returns whether there is one. */
async function adopt(settings: PlatformSettings, home: string, plugin: Plugin): Promise<boolean> {
  const folder = join("plugins", folderName(plugin));
  const shared = sharedHome(settings);
  const isShared = shared !== home && isInstalled(settings, shared, plugin);
  const source = join(isShared ? shared : join(homedir(), ".pulumi"), folder);
  if (!isComplete(source, plugin)) return false;
  await linkFolder(source, join(home, folder));
  rmSync(partialMark(join(home, folder)), { force: true });
  return true;
}

/** Makes a folder with a link to each file of another one: Pulumi overlooks plugins whose folder is itself a link. */
function linkFolder(source: string, folder: string): Promise<boolean> {
  return replace(folder, (draft) => {
    for (const name of readdirSync(source)) symlinkSync(join(source, name), join(draft, name));
    return draft;
  });
}

function download(home: string, { name, version }: Plugin, log: (line: string) => void): boolean {
  log(`plugin ${name} ${version}: installing`);
  const run = spawnSync(
    join(pulumiBin(home), "pulumi"),
    ["plugin", "install", "resource", name, version],
    {
      env: { ...process.env, PULUMI_HOME: home, PULUMI_SKIP_UPDATE_CHECK: "true" },
      stdio: "ignore",
      timeout: 300_000,
    },
  );
  return run.status === 0;
}

async function substitute(
  settings: PlatformSettings,
  home: string,
  plugin: Plugin,
  log: (line: string) => void,
): Promise<void> {
  const tools = await provideTools([plugin.substitute], settings.cache, log);
  const path = tools.get(plugin.substitute.name)?.path;
  if (path === undefined)
    throw new PlatformError(`the plugin ${plugin.name} ${plugin.version} could not be had`);
  const folder = join(home, "plugins", folderName(plugin));
  await replace(folder, (draft) => {
    copyFileSync(path, join(draft, programName(plugin)));
    writeFileSync(join(draft, noteName), `${recipe(settings, plugin)} ${digest(path)}\n`);
    return draft;
  });
  rmSync(partialMark(folder), { force: true });
}

/** What was noted beside a plugin made here: its recipe and the digest of the program. */
function readNote(home: string, plugin: Plugin): { recipe: string; digest: string } | undefined {
  const file = join(home, "plugins", folderName(plugin), noteName);
  if (!existsSync(file)) return undefined;
  const [recipe = "", digest = ""] = readFileSync(file, "utf8").trim().split(" ");
  return { recipe, digest };
}

/** A program that was put in the place of ours since is official and stays. */
function isOurs(home: string, plugin: Plugin): boolean {
  return (
    readNote(home, plugin)?.digest ===
    digest(join(home, "plugins", folderName(plugin), programName(plugin)))
  );
}

function isInstalled(settings: PlatformSettings, home: string, plugin: Plugin): boolean {
  if (onPath(plugin)) return true;
  if (!isComplete(join(home, "plugins", folderName(plugin)), plugin)) return false;
  return !isOurs(home, plugin) || readNote(home, plugin)?.recipe === recipe(settings, plugin);
}

function isComplete(folder: string, plugin: Plugin): boolean {
  return existsSync(join(folder, programName(plugin))) && !existsSync(partialMark(folder));
}

/** File that Pulumi keeps beside the folder of a plugin while it fills it. */
function partialMark(folder: string): string {
  return `${folder}.partial`;
}

function originOf(home: string, plugin: Plugin): ReadyPlugin["origin"] {
  if (onPath(plugin) || !isOurs(home, plugin)) return "official";
  return plugin.standIn ? "stand-in" : "built from its sources";
}

/** Pulumi prefers a plugin on PATH to installed ones. */
function onPath(plugin: Plugin): boolean {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.some((folder) => existsSync(join(folder, programName(plugin))));
}

/** Name of the cache folder, which stands for all that decides the build. */
function recipe({ cache }: PlatformSettings, { substitute: tool }: Plugin): string {
  return basename(dirname(cachedPath(tool, cache)));
}

const digests = new Map<string, string>();

/** Programs are large, and asked for again and again: each is read once while it stays as it is. */
function digest(file: string): string {
  const { ino, size, mtimeMs, ctimeMs } = statSync(file);
  const key = JSON.stringify([file, ino, size, mtimeMs, ctimeMs]);
  const known = digests.get(key) ?? createHash("sha256").update(readFileSync(file)).digest("hex");
  digests.set(key, known);
  return known;
}

function folderName({ name, version }: Plugin): string {
  return `resource-${name}-v${version}`;
}

function programName({ name }: Plugin): string {
  return `pulumi-resource-${name}`;
}

/** Pulumi's installer is worth waiting for only where it can be reached. */
async function installerAnswers(): Promise<boolean> {
  try {
    return (
      await fetch("https://get.pulumi.com", { method: "HEAD", signal: AbortSignal.timeout(3000) })
    ).ok;
  } catch {
    return false;
  }
}
