import { connect } from "node:net";
import { parseArgs } from "node:util";

/** Milliseconds between two looks at the engine. */
const pauseMs = 500;

/**
 * Ends this process soon after the Pulumi engine that started it is gone, however the engine ended; nothing happens in a
 * process that is no Pulumi program. Node imports this file before the SDK, so that it also holds while the program is loaded.
 *
 * The language host waits for the program, and the SDK reports a closed pipe by printing into it, for ever.
 */
function endWithEngine(): void {
  const engine = engineOf(process.argv);
  if (engine === undefined) return;
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      end();
    });
  setInterval(() => {
    // A connection that is held would keep the engine from closing its server.
    const socket = connect(engine, () => socket.destroy());
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") end();
    });
  }, pauseMs).unref();
}

/** Where the engine of a Pulumi program listens, as the language host says it on the command line. */
function engineOf(argv: readonly string[]): { host: string; port: number } | undefined {
  const [, program = "", ...args] = argv;
  if (!/[\\/]@pulumi[\\/]pulumi[\\/]cmd[\\/]run(?:[\\/]index\.js)?$/.test(program))
    return undefined;
  const options = { engine: { type: "string" } } as const;
  const { engine } = parseArgs({ args, options, strict: false }).values;
  const [, host, port] = /^(.+):(\d+)$/.exec(String(engine)) ?? [];
  return host === undefined ? undefined : { host, port: Number(port) };
}

/** Ends the whole process group, which the CLI makes for the language host: that one, this program and what it started. */
function end(): void {
  process.once("SIGTERM", () => process.exit(1));
  process.kill(0, "SIGTERM");
}

endWithEngine();
