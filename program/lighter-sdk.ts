import { Module, createRequire } from "node:module";

/** Requires as the SDK does. */
const sdk = createRequire(createRequire(import.meta.url).resolve("@pulumi/pulumi"));

/** Has the SDK get `exports` for a module. */
function put(name: string, exports: object): void {
  const module = new Module(sdk.resolve(name));
  module.loaded = true;
  module.exports = exports;
  sdk.cache[module.id] = module;
}

/** The exports of a module, which is loaded when the first of them is asked for that is not `known`. */
function lazily(name: string, known: object = {}): object {
  let real: object | undefined;
  const load = (): object => {
    if (real) return real;
    Reflect.deleteProperty(sdk.cache, sdk.resolve(name));
    return (real = sdk(name) as object);
  };
  // With this mark compiled code takes an object as it is, where it would copy all of it.
  const marked = { __esModule: true, ...known };
  return new Proxy(marked, {
    get: (_, key) => {
      if (key in marked) return Reflect.get(marked, key) as unknown;
      return key === "default" && !(key in load()) ? load() : (Reflect.get(load(), key) as unknown);
    },
  });
}

// A fifth of a preview goes to what the SDK loads for programs which serialize functions, run other programs or are traced, most of it to
// a debugger that is told of every file.
const debuggerOfFunctions = "./runtime/closure/v8Hooks";
put(
  debuggerOfFunctions,
  lazily(debuggerOfFunctions, { isInitializedAsync: () => Promise.resolve() }),
);
for (const name of ["typescript", "normalize-package-data", "js-yaml", "./automation"])
  put(name, lazily(name));
const traced = process.argv.includes("--tracing") || process.env["TRACEPARENT"] !== undefined;
if (!traced)
  for (const name of [
    "exporter-zipkin",
    "instrumentation",
    "instrumentation-grpc",
    "resources",
    "sdk-trace-base",
    "sdk-trace-node",
  ])
    put(`@opentelemetry/${name}`, {});
