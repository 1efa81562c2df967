import { join } from "node:path";
import { expect, test } from "vitest";
import { ownPlatform } from "../../../commands/rehearse/own-platform.ts";
import { portVariables, project, readPlatformSettings } from "../../../platform/settings.ts";

test.each([
  ["without variables", {}],
  ["whatever the platform in use is", { TINYOLLY_STATE: "/srv/in-use" }],
  ["where its variable is empty", { TINYOLLY_REHEARSAL_STATE: "" }],
])("the rehearsal has a folder of its own %s", (_, env) => {
  const settings = readPlatformSettings({ ...env, ...ownPlatform(env) });
  expect(settings.state).toBe(join(project, ".tinyolly/rehearsal"));
});

test("the rehearsal's folder has a variable of its own", () => {
  const env = { TINYOLLY_STATE: "/srv/in-use", TINYOLLY_REHEARSAL_STATE: "/srv/rehearsal" };
  expect(readPlatformSettings({ ...env, ...ownPlatform(env) }).state).toBe("/srv/rehearsal");
});

test("the rehearsal's platform has the registries, both architectures and ports of its own", () => {
  const settings = readPlatformSettings(ownPlatform({}));
  expect(settings).toMatchObject({ rehearsal: true });
  expect([...settings.platforms].sort()).toEqual(["linux/amd64", "linux/arm64"]);
  const usual = new Set(Object.values(portVariables).map(([, port]) => port));
  for (const port of Object.values(settings.ports)) expect(usual).not.toContain(port);
});
