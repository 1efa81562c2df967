import { appendFileSync, cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Command, run } from "./command.ts";
import type { Workplace } from "./workplace.ts";

/** Task runners that monorepos use, as npm has them. */
const packages = ["turbo@2.11.11", "nx@24.0.6"];

/** What each package says beside its name; its build does nothing. */
const member = {
  ...{ version: "0.0.0", private: true, scripts: { build: "true" } },
  nx: { targets: { build: { executor: "nx:noop", cache: true, dependsOn: ["^build"] } } },
};

/** Ways in which they tell that nothing changed. */
export interface Monorepo {
  /** Hashes the inputs of every package and says what it would run. */
  readonly turbo: Command;
  /** Finds every package in its cache; it has no dry run. */
  readonly nx: Command;
}

/** Makes a monorepo whose packages are the images and charts of a catalog, each chart after its images. */
export async function makeMonorepo(
  { folder, env: outer }: Workplace,
  catalog: string,
  imagesOfChart: number,
): Promise<Monorepo> {
  const root = join(folder, "monorepo");
  for (const part of ["apps", "charts"])
    cpSync(join(catalog, part), join(root, part), { recursive: true });
  const write = (path: string, content: object): void => {
    writeFileSync(join(root, path, "package.json"), JSON.stringify(content));
  };
  for (const name of readdirSync(join(root, "apps")))
    write(join("apps", name), { name, ...member });
  for (const name of readdirSync(join(root, "charts"))) {
    const first = imagesOfChart * Number(name.replace(/\D+/, ""));
    const images = Array.from(
      { length: imagesOfChart },
      (_, i) => [`image-${first + i}`, "*"] as const,
    );
    write(join("charts", name), {
      ...{ name, ...member },
      dependencies: Object.fromEntries(images),
    });
  }
  write(".", {
    ...{ name: "catalog", private: true, workspaces: ["apps/*", "charts/*"] },
    packageManager: "npm@11.0.0",
  });
  const task = { dependsOn: ["^build"], outputs: [] };
  writeFileSync(join(root, "turbo.json"), JSON.stringify({ tasks: { build: task } }));
  writeFileSync(join(root, "nx.json"), JSON.stringify({ analytics: false }));
  appendFileSync(join(root, ".gitignore"), "node_modules\n.turbo\n.nx\n");

  const env = { ...outer, NX_DAEMON: "false", TURBO_TELEMETRY_DISABLED: "1" };
  const command = (program: string, ...args: string[]): Command => ({
    ...{ program, args, cwd: root, env },
  });
  await run(command("npm", "install", "--no-audit", "--no-fund", "--save-dev", ...packages));
  const author = ["-c", "user.name=bench", "-c", "user.email=bench@tinyolly.test"];
  await run(command("git", "init", "--quiet"));
  await run(command("git", "add", "."));
  await run(command("git", ...author, "commit", "--quiet", "--message=catalog"));
  const bin = join(root, "node_modules/.bin");
  const nx = command(join(bin, "nx"), "run-many", "--target=build");
  await run(nx);
  return { turbo: command(join(bin, "turbo"), "run", "build", "--dry=json"), nx };
}
