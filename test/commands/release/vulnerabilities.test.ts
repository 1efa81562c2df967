import { readFileSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import {
  describeVulnerabilities,
  findVulnerabilities,
} from "../../../commands/release/vulnerabilities.ts";
import { imageSbom } from "../../../delivery/signing/sbom.ts";
import { enterFolderWith, folderWith } from "../../folders.ts";
import { pathWith } from "./programs.ts";
import { found } from "./trusted-shop.ts";

const list = imageSbom(found, { name: "web", digest: "sha256:a", platform: "linux/amd64" });
const documents = new Map([["image web", list]]);
const nothing = "no vulnerability database at hand (install grype and run grype db update)";

beforeEach(() => {
  enterFolderWith({});
});

/** A grype that answers with these texts, and notes what it was asked and whether it may fetch anything. */
function grype(status: string, matches = "{}", code = 0): NodeJS.ProcessEnv {
  const script = [
    'echo "$* $GRYPE_DB_AUTO_UPDATE $GRYPE_CHECK_FOR_APP_UPDATE $GRYPE_DB_VALIDATE_AGE" >> asked',
    `[ "$1" = db ] && { echo '${status}'; exit; }`,
    'cp "${1#sbom:}" list.json',
    `echo '${matches}'; echo broken >&2; exit ${code}`,
  ];
  return { PATH: pathWith({ grype: script.join("\n") }) };
}

const match = (id: string, severity: string, name: string): unknown => ({
  vulnerability: { id, severity },
  artifact: { name, version: "1.0" },
});

test("grype looks a list up in its own database, and fetches nothing", async () => {
  const matches = [match("CVE-1", "High", "libssl"), match("CVE-2", "Low", "fastapi")];
  const status = '{"valid": true, "built": "2026-11-20T04:00:00Z"}';
  const env = grype(status, JSON.stringify({ matches }));
  expect(await findVulnerabilities(documents, env)).toEqual({
    database: "2026-11-20T04:00:00Z",
    found: {
      "image web": [
        { id: "CVE-1", severity: "High", package: "libssl 1.0" },
        { id: "CVE-2", severity: "Low", package: "fastapi 1.0" },
      ],
    },
  });
  expect(JSON.parse(readFileSync("list.json", "utf8"))).toEqual(list);
  expect(readFileSync("asked", "utf8").replace(/sbom:\S+/, "FILE")).toBe(
    "db status --output=json false false false\nFILE --output=json false false false\n",
  );
});

test.each([
  ["without grype", () => ({ PATH: folderWith({}) }), nothing],
  ["without a database", () => grype('{"valid": false}'), nothing],
  ["where grype says nothing", () => grype(""), nothing],
  ["where grype fails", () => grype('{"valid": true}', "", 1), "grype failed: broken"],
])("%s, it is told that nothing is known", async (_, env, problem) => {
  expect(await findVulnerabilities(documents, env())).toEqual({ problem });
});

test("they are counted, the worst ones first", () => {
  const all = ["Low", "Other", "High", "Unknown", "Critical", "High"].map((severity) => ({
    id: "CVE",
    severity,
    package: "a 1",
  }));
  expect(describeVulnerabilities(all)).toBe("1 Critical, 2 High, 1 Low, 1 Unknown, 1 Other");
  expect(describeVulnerabilities([])).toBe("none known");
});
