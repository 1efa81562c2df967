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

/** The exports of a module, which is loaded when the first of them is asked for. */
function lazily(name: string): object {
  let real: object | undefined;
  const load = (): object => {
    if (real) return real;
    Reflect.deleteProperty(sdk.cache, sdk.resolve(name));
    return (real = sdk(name) as object);
  };
  // With this mark compiled code takes an object as it is, where it would copy all of it.
  const known = { __esModule: true };
  return new Proxy(known, {
    get: (_, key) => Reflect.get(key in known ? known : load(), key) as unknown,
  });
}

// A tenth of a preview goes to libraries that the SDK loads for programs which serialize functions, run other programs or are traced.
put("typescript", lazily("typescript"));
put("./automation", lazily("./automation"));
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
