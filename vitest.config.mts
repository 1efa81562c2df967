import { defineConfig } from "vitest/config";

/** Tests that start programs of this project again and again. */
const commands = [
  "test/**/cli.test.ts",
  "test/commands/watch/foreground.test.ts",
  "test/platform/machine/processes.test.ts",
  "test/platform/machine/{hosts-race,lock-race,disk-full}.test.ts",
  "test/platform/{reset,pulumi/shell,tools/provide}.test.ts",
  "test/platform/kind/{steps,platform}.test.ts",
  "test/components/scripts/await-rollout.test.ts",
  "test/program/end-with-engine.test.ts",
  "test/components/scripts/parent-watch.test.ts",
  "test/components/scripts/{publish-chart,release-scripts}.test.ts",
  "test/workflow-steps.test.ts",
  "test/platform/ghcr/{rehearsal,token-service}.test.ts",
  "test/faulty-proxy.test.ts",
  "test/platform/credential-helper.test.ts",
  "test/delivery/signing/attest.test.ts",
  "test/delivery/sources/ignore-file-moby.test.ts",
  "test/commands/release/verify-cli.test.ts",
];

/** Tests that replace modules, which must not reach others in the same process. */
const isolated = [
  "test/delivery/sources/file-digest.test.ts",
  "test/platform/{images/bases,machine/lock}.test.ts",
];

const setupFiles = ["test/leave-folders.ts"];

/** What a busy machine may take until it is as a test wants it. */
const patient = { poll: { timeout: 30_000 } };

const unit = {
  pool: "forks" as const,
  setupFiles,
  maxWorkers: 3,
  // Nobody is promised that; it ends what hangs.
  testTimeout: 180_000,
  expect: patient,
  // Those with other numbers of workers wait, in the order of these.
  sequence: { groupOrder: 0 },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...unit,
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/contract/**", "test/e2e/**", ...commands, ...isolated],
          // Half of the time would go to loading the same modules again.
          isolate: false,
        },
      },
      { test: { ...unit, name: "unit-isolated", include: isolated } },
      {
        test: {
          name: "commands",
          sequence: { groupOrder: 1 },
          include: commands,
          setupFiles,
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 120_000,
          expect: patient,
        },
      },
      {
        test: {
          name: "contract",
          sequence: { groupOrder: 2 },
          include: ["test/contract/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: "e2e",
          sequence: { groupOrder: 3 },
          include: ["test/e2e/**/*.test.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: 900_000,
          expect: patient,
          hookTimeout: 1_800_000,
        },
      },
    ],
  },
});
