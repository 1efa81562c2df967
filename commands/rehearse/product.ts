import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a rehearsal releases, and what it changes in between. */
export interface Product {
  /** Prepares a copy of this project before it is first committed. */
  readonly prepare: (checkout: string) => void;
  /** Images that are shipped, by name. */
  readonly images: readonly string[];
  /** Charts that are shipped, by name. */
  readonly charts: readonly string[];
  /** Edits one image's sources; what it writes differs each time. */
  readonly edit: (checkout: string, mark: string) => void;
  /** Name of the image that {@link edit} changes. */
  readonly edited: string;
  /** Name of the one chart that runs it. */
  readonly editedChart: string;
  /** Whether its programs are started for the other architecture, under emulation. */
  readonly starts: boolean;
}

/** TinyOlly itself. */
export const tinyolly: Product = {
  prepare: () => undefined,
  images: ["demo", "opamp-server", "python-base", "tinyolly", "webui"],
  charts: ["tinyolly", "tinyolly-demos"],
  edit: (checkout, mark) => {
    const file = join(checkout, "apps/demo/backend.py");
    writeFileSync(file, `${readFileSync(file, "utf8")}\n# ${mark}\n`);
  },
  edited: "demo",
  editedChart: "tinyolly-demos",
  starts: true,
};

const smallImages = ["agent", "api", "demo", "web"];
const smallCharts: Readonly<Record<string, readonly string[]>> = {
  shop: ["api", "web"],
  tools: ["agent", "demo"],
};

/**
 * Four images without programs and two charts without pods in the place of TinyOlly's, for tests: all else of the project is as it is,
 * and a release of both platforms takes seconds.
 */
export const small: Product = {
  prepare: (checkout) => {
    for (const folder of ["apps", "charts"])
      rmSync(join(checkout, folder), { recursive: true, force: true });
    for (const [path, text] of Object.entries(smallFiles())) {
      const file = join(checkout, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  },
  images: smallImages,
  charts: Object.keys(smallCharts),
  edit: (checkout, mark) => {
    writeFileSync(join(checkout, "apps/web/content"), `web ${mark}\n`);
  },
  edited: "web",
  editedChart: "shop",
  starts: false,
};

function smallFiles(): Record<string, string> {
  const images = smallImages.map((name) => `    ${name}: { path: "apps/${name}" },`);
  const charts = Object.entries(smallCharts).map(([name, used]) => {
    const takes = used.map((image) => `"${image}.image": "${image}"`).join(", ");
    return `    ${name}: { path: "charts/${name}", namespace: "${name}", images: { ${takes} } },`;
  });
  const deliverables = [
    `import type { Deliverables } from "./components/plan";`,
    `export const deliverables = {`,
    `  images: {\n${images.join("\n")}\n  },`,
    `  charts: {\n${charts.join("\n")}\n  },`,
    `} as const satisfies Deliverables;`,
  ];
  return {
    "deliverables.ts": `${deliverables.join("\n")}\n`,
    ...Object.fromEntries(
      smallImages.flatMap((name) => [
        [`apps/${name}/Dockerfile`, "FROM scratch\nCOPY content /content\n"],
        [`apps/${name}/content`, `${name}\n`],
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(smallCharts).flatMap(([name, used]) => [
        [`charts/${name}/Chart.yaml`, `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`],
        [
          `charts/${name}/values.yaml`,
          `imageFolder: ""\n${used.map((image) => `${image}: { image: { repository: "", tag: "", digest: "" } }\n`).join("")}`,
        ],
        [`charts/${name}/templates/images.yaml`, imagesTemplate(used)],
      ]),
    ),
  };
}

/** What a chart of the small product deploys: which images its pods would run. */
function imagesTemplate(images: readonly string[]): string {
  const lines = images.map(
    (name) =>
      `  ${name}: {{ with .Values.${name}.image }}{{ with $.Values.imageFolder }}{{ . }}/${name}{{ else }}{{ .repository }}{{ end }}@{{ .digest }}{{ end }}`,
  );
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-images\ndata:\n${lines.join("\n")}\n`;
}
