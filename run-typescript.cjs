// Lets Node run this project's TypeScript: node --require ./run-typescript.cjs file.ts
// tsx would also look at each of the 900 files of the Pulumi SDK, and Node would read their source maps in every run.
const { extensions } = require;
const asItIs = extensions[".js"];
require("tsx/cjs");
const compiled = extensions[".js"];
extensions[".js"] = (module, file) => {
  const load = /[\\/]node_modules[\\/]/.test(file) ? asItIs : compiled;
  load(module, file);
};
process.setSourceMapsEnabled(process.env.TINYOLLY_SOURCE_MAPS === "1");
