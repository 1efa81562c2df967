import { table } from "../../platform/report/table.ts";
import type { VerifyReport } from "./verify.ts";

/** A report for people: a line for each check, and what follows from them. */
export function renderReport({ ref, kind, holds, checks }: VerifyReport): string {
  const rows = checks.map(({ subject, check, result, detail }) => [
    subject,
    check,
    result === "failed" ? "FAILED" : result,
    detail,
  ]);
  const judged = checks.filter(({ result }) => result !== "listed" && result !== "unknown");
  const bad = judged.filter(({ result }) => result !== "ok").length;
  const sum = holds
    ? `all ${judged.length} checks hold`
    : `${bad} of ${judged.length} checks failed`;
  return `${table(["subject", "check", "result", ""], rows)}\n${kind} ${ref}: ${sum}\n`;
}
