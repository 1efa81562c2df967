import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { rehearsalDown, rehearsalReset } from "../../../platform/ghcr/rehearsal.ts";
import { rehearsalFactories } from "../../../platform/ghcr/servers.ts";
import { knownServices, startService, stopService } from "../../../platform/machine/processes.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

let settings: PlatformSettings | undefined;

afterEach(async () => {
  const state = settings?.state ?? "";
  for (const name of knownServices(state)) await stopService(state, name);
});

/** A platform on which something runs under the name of each server of the rehearsal, and one server more. */
async function running(files: Readonly<Record<string, string>> = {}): Promise<PlatformSettings> {
  const made = readPlatformSettings({ TINYOLLY_STATE: folderWith(files) });
  settings = made;
  const names = rehearsalFactories.map((factory) => factory(made).name);
  for (const name of [...names, "etcd"]) {
    let asked = 0;
    await startService(made.state, {
      name,
      command: ["sleep", "60"],
      address: name,
      ready: () => Promise.resolve(asked++ > 0),
      patience: 10,
    });
  }
  return made;
}

test("the rehearsal ends in the reverse order of its start, and nothing else does", async () => {
  const platform = await running();
  const lines: string[] = [];
  await rehearsalDown(platform, (line) => lines.push(line));
  const names = rehearsalFactories.map((factory) => factory(platform).name);
  expect(lines).toEqual(names.reverse().map((name) => `stopped ${name}`));
  expect(knownServices(platform.state)).toEqual(["etcd"]);
});

test("a reset deletes what was pushed, and keeps accounts and certificates", async () => {
  const platform = await running({ "rehearsal/registry/x": "", "rehearsal/airgap/x": "" });
  await rehearsalReset(platform, () => undefined);
  expect(knownServices(platform.state)).toEqual(["etcd"]);
  const kept = ["registry", "airgap", "accounts.json", "authority/ca.pem", "tls/tls.crt"].filter(
    (name) => existsSync(join(platform.state, "rehearsal", name)),
  );
  expect(kept).toEqual(["accounts.json", "authority/ca.pem", "tls/tls.crt"]);
});
