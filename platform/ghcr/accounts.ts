import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeIfOther } from "../machine/state-files.ts";
import { PlatformError, type PlatformSettings } from "../settings.ts";
import { rehearsalFolder } from "./certificates.ts";

/** What a token may be good for. */
export type Right = "pull" | "push" | "delete";

/** Who has a token of the rehearsal's registry. */
export interface Account {
  readonly name: string;
  /** The password; the user's name does not count, as on GHCR. */
  readonly token: string;
  readonly rights: readonly Right[];
  /** How long the registry takes what the token service makes of it; 0 of a token that has expired, which is refused. */
  readonly lifeSeconds: number;
}

/** Life of the rights that the token service gives to most accounts, and without one. */
export const usualLifeSeconds = 300;

const kinds = {
  writer: { rights: ["pull", "push"], lifeSeconds: usualLifeSeconds },
  reader: { rights: ["pull"], lifeSeconds: usualLifeSeconds },
  owner: { rights: ["pull", "push", "delete"], lifeSeconds: usualLifeSeconds },
  expired: { rights: ["pull", "push"], lifeSeconds: 0 },
  hasty: { rights: ["pull", "push"], lifeSeconds: 2 },
} as const;

/** Name of an account. */
export type AccountName = keyof typeof kinds;

/** File with all accounts, which only its owner may read; made once. */
export function accountsFile(settings: PlatformSettings): string {
  const file = join(rehearsalFolder(settings), "accounts.json");
  if (!existsSync(file)) {
    const accounts: Account[] = Object.entries(kinds).map(([name, kind]) => ({
      name,
      token: randomBytes(20).toString("hex"),
      ...kind,
    }));
    writeIfOther(file, JSON.stringify(accounts, undefined, 2));
  }
  return file;
}

/**
 * Token of an account; secret.
 *
 * @throws PlatformError when somebody took the account out of the file.
 */
export function rehearsalToken(settings: PlatformSettings, name: AccountName): string {
  const file = accountsFile(settings);
  // accountsFile writes exactly this type.
  const accounts = JSON.parse(readFileSync(file, "utf8")) as Account[];
  const account = accounts.find((one) => one.name === name);
  if (!account) {
    throw new PlatformError(
      `${file} has no account "${name}"; delete that file, and all accounts are made anew`,
    );
  }
  return account.token;
}

/** File with the names of packages that nobody pulls without a token. */
export function privatePackagesFile(settings: PlatformSettings): string {
  const file = join(rehearsalFolder(settings), "private-packages.json");
  if (!existsSync(file)) writeIfOther(file, "[]");
  return file;
}

/** Makes these packages private, such as `owner/tinyolly/demo`, and all others public; `*` are all. Holds at once. */
export function setPrivatePackages(settings: PlatformSettings, packages: readonly string[]): void {
  writeIfOther(privatePackagesFile(settings), JSON.stringify(packages));
}
