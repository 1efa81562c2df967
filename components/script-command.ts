import { extname, join, relative } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { pushesVariable } from "../delivery/findings/recorded.ts";

/** What {@link scriptCommand} runs. */
export interface ScriptRun<Request extends object> {
  /** Script below this folder, such as `publish-chart`. */
  readonly script: string;
  /** Given to its standard input as JSON. */
  readonly request: pulumi.Input<Request>;
  /** How often it ran and will run again without a change of the request. @default 0 */
  readonly pushes?: number | undefined;
}

/**
 * A command that runs a script below this folder whenever its request changes. Its text is fixed and its data goes through
 * standard input, so nothing of the configuration is read by a shell. The script prints one line of JSON.
 */
export function scriptCommand<Request extends object>(
  name: string,
  { script, request, pushes = 0 }: ScriptRun<Request>,
  options: pulumi.CustomResourceOptions,
): command.local.Command {
  return new command.local.Command(
    name,
    {
      create: scriptLine(script),
      stdin: pulumi.output(request).apply((value) => JSON.stringify(value)),
      ...(pushes === 0 ? {} : { environment: { [pushesVariable]: String(pushes) } }),
      addPreviousOutputInEnv: false,
      logging: command.local.Logging.Stderr,
    },
    options,
  );
}

/** The shell's line that runs a script in the program's folder. It is the same in every checkout. */
export function scriptLine(script: string): string {
  const file = join(import.meta.dirname, "scripts", `${script}${extname(import.meta.filename)}`);
  const path = relative(process.cwd(), file);
  return `node ${/^[\w./@-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`}`;
}

/** What the script printed, as the type that it prints. */
export function printed<Printed>(run: command.local.Command): pulumi.Output<Printed> {
  // Each script says in its own comment what it prints.
  return run.stdout.apply((line) => JSON.parse(line) as Printed);
}
