// What README tells users to type sends telemetry that arrives. The SDKs come from their registries, which the machine has to reach.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { writeFiles } from "../folders.ts";
import { checkout, platform, run, startDelivered } from "./checkout.ts";
import { api } from "./pods.ts";

const { otlp, otlpHttp } = platform.ports;
const work = mkdtempSync(join(tmpdir(), "tinyolly-telemetry-"));

startDelivered();

afterAll(() => {
  rmSync(work, { recursive: true });
});

/** The lines for a language, as README has them. */
function readme(language: string): string {
  const text = readFileSync(join(checkout, "README.md"), "utf8");
  const lines = new RegExp(`\`\`\`sh\n# ${language}\n(.*?)\`\`\``, "s").exec(text)?.[1];
  if (lines === undefined) throw new Error(`README has no lines for ${language}`);
  return lines;
}

/** Types the lines for a language, with the address of this platform, which has other ports. */
function type(language: string, port: number, files: Readonly<Record<string, string>>): void {
  writeFiles(work, files);
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` };
  const { status, output } = run("sh", ["-ec", readme(language)], env, work);
  expect(status, output).toBe(0);
}

async function spansOfShop(): Promise<string> {
  return JSON.stringify(await api("/api/traces?service=shop"));
}

test("the lines for Python", async () => {
  type("Python", otlp, {
    "shop.py": `from opentelemetry import trace

with trace.get_tracer("shop").start_as_current_span("sell by hand"):
    pass
`,
  });
  await expect.poll(spansOfShop).toContain("sell by hand");
});

test("the lines for Node", async () => {
  type("Node", otlpHttp, {
    "shop.js": `const http = require("node:http");
const server = http.createServer((request, response) => response.end("sold"));
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  http.get({ port, host: "127.0.0.1", path: "/sell" }, (answer) => answer.resume().on("end", () => server.close()));
});
`,
  });
  await expect.poll(spansOfShop).toMatch(/"GET"/);
});
