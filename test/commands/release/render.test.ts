import { expect, test } from "vitest";
import { renderReport } from "../../../commands/release/render.ts";
import type { VerifyReport } from "../../../commands/release/verify.ts";

const report: VerifyReport = {
  ref: "ghcr.io/owner/web:v1@sha256:a",
  kind: "image",
  holds: false,
  checks: [
    { subject: "image web", check: "tag", result: "ok", detail: "v1 is sha256:a" },
    { subject: "image web", check: "signature", result: "absent", detail: "nothing is attached" },
    {
      subject: "image web",
      check: "platforms",
      result: "failed",
      detail: "linux/arm64 is missing",
    },
    { subject: "image web", check: "licences", result: "listed", detail: "2 MIT" },
    { subject: "image", check: "vulnerabilities", result: "unknown", detail: "no database" },
  ],
  licences: {},
  vulnerabilities: { problem: "no database" },
};

test("a report has a line for each check, and their sum", () => {
  expect(renderReport(report)).toBe(
    [
      "subject    check            result",
      "image web  tag              ok       v1 is sha256:a",
      "image web  signature        absent   nothing is attached",
      "image web  platforms        FAILED   linux/arm64 is missing",
      "image web  licences         listed   2 MIT",
      "image      vulnerabilities  unknown  no database",
      "",
      "image ghcr.io/owner/web:v1@sha256:a: 2 of 3 checks failed",
      "",
    ].join("\n"),
  );
});

test("where all hold, it says so", () => {
  const checks = report.checks.slice(0, 1);
  expect(renderReport({ ...report, holds: true, checks })).toMatch(
    /\nimage ghcr\.io\/owner\/web:v1@sha256:a: all 1 checks hold\n$/,
  );
});
