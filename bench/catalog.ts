import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyCheckout } from "./checkout.ts";
import { configureOurs } from "./contenders/ours.ts";
import type { Stack } from "./stack.ts";
import type { Workplace } from "./workplace.ts";

/**
 * Makes a project folder with this program, `size` images of one small file each, and charts that share them.
 *
 * @returns its stack, which is empty.
 */
export async function makeCatalog(workplace: Workplace, size: number, charts = 0): Promise<Stack> {
  const name = `bench-catalog-${size}${charts > 0 ? `-${charts}` : ""}`;
  const checkout = join(workplace.folder, name);
  await copyCheckout(workplace.project, checkout);
  for (const folder of ["apps", "charts"])
    rmSync(join(checkout, folder), { recursive: true, force: true });

  const images: Record<string, { path: string }> = {};
  for (let i = 0; i < size; i++) {
    const path = `apps/image-${i}`;
    mkdirSync(join(checkout, path), { recursive: true });
    writeFileSync(join(checkout, path, "Dockerfile"), "FROM scratch\nCOPY content /content\n");
    // Unlike any other run of the benchmark, whose images would be taken as they are.
    writeFileSync(
      join(checkout, path, "content"),
      `${i} of ${size}, ${process.pid} ${Date.now()}\n`,
    );
    images[`image-${i}`] = { path };
  }
  const made = Array.from({ length: charts }, (_, i) => writeChart(checkout, i, size / charts));
  const deliverables = JSON.stringify({ images, charts: Object.fromEntries(made) });
  writeFileSync(
    join(checkout, "deliverables.ts"),
    `export const deliverables = ${deliverables};\n`,
  );

  const { stack } = configureOurs(workplace, checkout, name, { chartValues: {}, deploy: false });
  await stack.renew();
  return stack;
}

/** Writes a chart that runs some of the images; returns its name and what deliverables.ts says of it. */
function writeChart(checkout: string, index: number, images: number): [string, object] {
  const name = `chart-${index}`;
  const path = `charts/${name}`;
  const taken = Array.from({ length: images }, (_, i) => `image-${index * images + i}`);
  const files = {
    "Chart.yaml": `apiVersion: v2\nname: ${name}\nversion: 0.1.0\n`,
    "values.yaml": taken.map((image) => `${image}: {}\n`).join(""),
    "templates/images.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: images}\ndata:\n  all: {{ .Values | toJson | quote }}\n`,
  };
  mkdirSync(join(checkout, path, "templates"), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(join(checkout, path, file), text);
  return [
    name,
    { path, namespace: name, images: Object.fromEntries(taken.map((one) => [one, one])) },
  ];
}
