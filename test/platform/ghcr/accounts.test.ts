import { readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  type Account,
  accountsFile,
  privatePackagesFile,
  rehearsalToken,
  setPrivatePackages,
} from "../../../platform/ghcr/accounts.ts";
import {
  PlatformError,
  type PlatformSettings,
  readPlatformSettings,
} from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";

function platform(): PlatformSettings {
  return readPlatformSettings({ TINYOLLY_STATE: folderWith({}) });
}

// The files are JSON.
const json = (file: string): unknown => JSON.parse(readFileSync(file, "utf8")) as unknown;

test("five accounts with random tokens, which only their owner may read", () => {
  const settings = platform();
  const file = accountsFile(settings);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const accounts = json(file) as Account[];
  const token: unknown = expect.stringMatching(/^[0-9a-f]{40}$/);
  expect(accounts).toEqual([
    { name: "writer", token, rights: ["pull", "push"], lifeSeconds: 300 },
    { name: "reader", token, rights: ["pull"], lifeSeconds: 300 },
    { name: "owner", token, rights: ["pull", "push", "delete"], lifeSeconds: 300 },
    { name: "expired", token, rights: ["pull", "push"], lifeSeconds: 0 },
    { name: "hasty", token, rights: ["pull", "push"], lifeSeconds: 2 },
  ]);
  expect(new Set(accounts.map((account) => account.token)).size).toBe(5);
  expect(rehearsalToken(settings, "reader")).toBe(accounts[1]?.token);
  expect(rehearsalToken(platform(), "reader")).not.toBe(accounts[1]?.token);
});

test("accounts that were changed stay, and one that is gone is named", () => {
  const settings = platform();
  const file = accountsFile(settings);
  writeFileSync(file, "[]");
  expect(accountsFile(settings)).toBe(file);
  expect(() => rehearsalToken(settings, "writer")).toThrow(
    new PlatformError(
      `${file} has no account "writer"; delete that file, and all accounts are made anew`,
    ),
  );
});

test("packages are public until they are said to be private", () => {
  const settings = platform();
  expect(json(privatePackagesFile(settings))).toEqual([]);
  setPrivatePackages(settings, ["o/app"]);
  expect(json(privatePackagesFile(settings))).toEqual(["o/app"]);
  setPrivatePackages(settings, []);
  expect(json(privatePackagesFile(settings))).toEqual([]);
});
