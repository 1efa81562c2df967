import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { pushesVariable } from "./recorded";

/** What {@link scriptCommand} runs. */
export interface ScriptRun<Request extends object> {
  /** Script of this folder, such as `publish-chart.ts`. */
  readonly script: string;
  /** Given to its standard input as JSON. */
  readonly request: pulumi.Input<Request>;
  /** How often it ran and will run again without a change of the request. @default 0 */
  readonly pushes?: number | undefined;
}

/**
 * A command that runs a script of this folder whenever its request changes. Its text is fixed and its data goes through
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
      create: `node --require ./run-typescript.cjs components/${script}`,
      stdin: pulumi.output(request).apply((value) => JSON.stringify(value)),
      ...(pushes === 0 ? {} : { environment: { [pushesVariable]: String(pushes) } }),
      addPreviousOutputInEnv: false,
      logging: command.local.Logging.Stderr,
    },
    options,
  );
}

/** What the script printed, as the type that it prints. */
export function printed<Printed>(run: command.local.Command): pulumi.Output<Printed> {
  // Each script says in its own comment what it prints.
  return run.stdout.apply((line) => JSON.parse(line) as Printed);
}
