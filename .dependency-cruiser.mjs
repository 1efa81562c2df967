/** Rooms from the bottom to the top; each may use those before it. ARCHITECTURE.md says who lives where. */
export const floors = [
  "delivery/basics",
  "delivery/registry",
  "delivery/sources",
  "delivery/plan",
  "delivery/rollout",
  "delivery/releases",
  "delivery/signing",
  "delivery/findings",
  "delivery/objects",
  "delivery/settings",
  "components",
  "program",
];

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    {
      name: "no-circular",
      comment: "Two files that import each other are one, or hide a third.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...floors.slice(0, -1).map((room, floor) => ({
      name: `${room}-goes-down`,
      comment: "Imports go down only, so that a room can be read without those above it.",
      severity: "error",
      from: { path: `^${room}/` },
      to: { path: `^(${[...floors.slice(floor + 1), "platform", "commands"].join("|")})/` },
    })),
    {
      name: "engine-only-in-components-and-program",
      comment: "Everything else can be used and tested without Pulumi.",
      severity: "error",
      from: { path: "^(delivery|platform|commands|components/scripts)/" },
      to: { path: "node_modules/@pulumi/" },
    },
    {
      name: "platform-is-below-commands",
      comment: "The platform stands in for a cluster; the program does not know of it.",
      severity: "error",
      from: { path: "^(platform|program)/" },
      to: { path: "^commands/" },
    },
    {
      name: "program-without-platform",
      comment: "The program runs wherever its settings point.",
      severity: "error",
      from: { path: "^(program/|index.ts)" },
      to: { path: "^platform/" },
    },
    {
      name: "not-to-test",
      comment: "What is shipped does without tests.",
      severity: "error",
      from: { pathNot: "^(test|bench)/" },
      to: { path: "^test/" },
    },
    {
      name: "resolvable",
      comment: "An import that is not found would pass unseen.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
