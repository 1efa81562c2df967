import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyCheckout } from "./checkout.ts";
import { configureOurs } from "./contenders/ours.ts";
import type { Stack } from "./stack.ts";
import type { Workplace } from "./workplace.ts";

/**
 * Makes a project folder with this program, `size` images of one small file each and no chart.
 *
 * @returns its stack, which is empty.
 */
export async function makeCatalog(workplace: Workplace, size: number): Promise<Stack> {
  const name = `bench-catalog-${size}`;
  const checkout = join(workplace.folder, name);
  await copyCheckout(workplace.project, checkout);
  for (const folder of ["apps", "charts"])
    rmSync(join(checkout, folder), { recursive: true, force: true });

  const images: Record<string, { path: string }> = {};
  for (let i = 0; i < size; i++) {
    const path = `apps/image-${i}`;
    mkdirSync(join(checkout, path), { recursive: true });
    writeFileSync(join(checkout, path, "Dockerfile"), "FROM scratch\nCOPY content /content\n");
    writeFileSync(join(checkout, path, "content"), `${i} of ${size}\n`);
    images[`image-${i}`] = { path };
  }
  const deliverables = JSON.stringify({ images, charts: {} });
  writeFileSync(
    join(checkout, "deliverables.ts"),
    `export const deliverables = ${deliverables};\n`,
  );

  const { stack } = configureOurs(workplace, checkout, name, { chartValues: {} });
  await stack.renew();
  return stack;
}
