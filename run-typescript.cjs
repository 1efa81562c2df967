// Lets Node run this project's TypeScript: node --require ./run-typescript.cjs file.ts
const Module = require("node:module");

const sourceMaps = process.env.TINYOLLY_SOURCE_MAPS === "1";

// tsx would also look at each of the 900 files of the Pulumi SDK.
const { extensions } = require;
const asItIs = extensions[".js"];
require("tsx/cjs");
const compiled = extensions[".js"];
extensions[".js"] = (module, file) => {
  const load = /[\\/]node_modules[\\/]/.test(file) ? asItIs : compiled;
  load(module, file);
};
// Node would read the maps of the whole SDK, and the SDK takes a stack trace, mapped line by line, for each promise.
process.setSourceMapsEnabled(sourceMaps);

require("./components/engine-watch").endWithEngine();

// The SDK loads a compiler and a package manager at its start, which take as long as all the rest of it, and uses them
// only to serialize functions of dynamic resources. They are loaded when they are first used.
const seldomUsed = new Set(["typescript", "@npmcli/arborist"]);
const loadNow = Module._load;
Module._load = (request, parent, isMain) => {
  const load = () => loadNow(request, parent, isMain);
  if (!/[\\/]@pulumi[\\/]pulumi[\\/]/.test(parent?.filename ?? "")) return load();
  if (request === "source-map-support/register" && !sourceMaps) return {};
  return seldomUsed.has(request) ? onFirstUse(load) : load();
};

function onFirstUse(load) {
  let loaded;
  return new Proxy(
    {},
    {
      get(_, name) {
        if (name === "__esModule") return true;
        loaded ??= load();
        return name === "default" ? loaded : loaded[name];
      },
    },
  );
}
