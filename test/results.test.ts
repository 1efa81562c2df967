import { expect, test } from "vitest";
import { goResult, vitestResult } from "./results.ts";

const report = (parts: object): string =>
  JSON.stringify({
    numPassedTests: 2,
    numFailedTests: 0,
    success: true,
    testResults: [
      {
        name: "/project/test/a.test.ts",
        message: "",
        assertionResults: [
          { status: "passed", fullName: "one adds", failureMessages: [] },
          { status: "passed", fullName: "one takes away", failureMessages: [] },
        ],
      },
    ],
    ...parts,
  });

test("a vitest report without failures is counted", () => {
  expect(vitestResult(report({}), 0)).toEqual({ passed: 2, failed: 0, failures: [] });
});

test("a failed test is named with the first lines of its reason, without colours", () => {
  const lines = Array.from({ length: 100 }, (_, line) => `line ${line}`);
  const output = `\u001b[31m${lines.join("\n")}\u001b[39m`;
  const assertionResults = [
    { status: "passed", fullName: "one adds", failureMessages: [] },
    { status: "failed", fullName: "one takes away", failureMessages: [output] },
    { status: "skipped", fullName: "one waits", failureMessages: [] },
  ];
  const testResults = [{ name: "/project/test/a.test.ts", message: "", assertionResults }];
  const text = report({ numPassedTests: 1, numFailedTests: 1, success: false, testResults });
  expect(vitestResult(text, 1)).toEqual({
    passed: 1,
    failed: 1,
    failures: [["one takes away", ...lines.slice(0, 12)].join("\n")],
  });
});

test("a test file that cannot be loaded is one failure", () => {
  const testResults = [
    { name: "/project/test/a.test.ts", message: "no such module", assertionResults: [] },
  ];
  const text = report({ numPassedTests: 0, success: false, testResults });
  expect(vitestResult(text, 1)).toEqual({
    passed: 0,
    failed: 1,
    failures: ["/project/test/a.test.ts\nno such module"],
  });
});

test("an exit code that no failure explains is one failure", () => {
  expect(vitestResult(report({}), 1)).toEqual({
    passed: 2,
    failed: 1,
    failures: [
      "vitest ended with 1, though no test failed: an unhandled error, which stands above",
    ],
  });
});

test("Go's tests are counted with those below them, and failures are named", () => {
  const output = [
    "=== RUN   TestSum",
    "--- PASS: TestSum (0.00s)",
    "    --- PASS: TestSum/empty (0.00s)",
    "--- FAIL: TestProduct (0.01s)",
    "--- FAILURES are not results",
    "FAIL",
  ].join("\n");
  const failures = ["--- FAIL: TestProduct (0.01s)"];
  expect(goResult(output, 1)).toEqual({ passed: 2, failed: 1, failures });
});

test("a Go package that does not compile is one failure", () => {
  expect(goResult("FAIL\texample.com/module [build failed]", 1)).toEqual({
    passed: 0,
    failed: 1,
    failures: [],
  });
});
