import { stripVTControlCharacters } from "node:util";

/** What a suite came to. */
export interface Result {
  readonly passed: number;
  readonly failed: number;
  /** What failed, each by its name and, where one is known, the reason in a few lines. */
  readonly failures: readonly string[];
}

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    /** Why the file itself failed, otherwise empty. */
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** A reason can hold the whole output of a command. */
const longestReason = 12;

/**
 * Reads the text of vitest's JSON report; a file that could not be loaded counts as one failure, and so does an exit code that no
 * failure explains.
 */
export function vitestResult(text: string, status: number): Result {
  // Written by vitest's own reporter.
  const report = JSON.parse(text) as VitestReport;
  const failures = report.testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === "" ? [] : [failure(name, message)]),
    ...assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ fullName, failureMessages }) => failure(fullName, failureMessages.join("\n"))),
  ]);
  // The report calls it a success when only an unhandled error ended the run.
  const broken = (status !== 0 || !report.success) && report.numFailedTests === 0 ? 1 : 0;
  if (broken === 1 && failures.length === 0)
    failures.push(
      `vitest ended with ${status}, though no test failed: an unhandled error, which stands above`,
    );
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken, failures };
}

function failure(name: string, reason: string): string {
  const plain = stripVTControlCharacters(reason);
  return [name, ...plain.split("\n").slice(0, longestReason)].join("\n");
}

/** Reads what `go test -v` printed; a package that does not compile counts as one failure. */
export function goResult(output: string, status: number): Result {
  const ended = (word: string): string[] =>
    output
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith(`--- ${word}: `));
  const failures = ended("FAIL");
  const failed = status !== 0 && failures.length === 0 ? 1 : failures.length;
  return { passed: ended("PASS").length, failed, failures };
}
