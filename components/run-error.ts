import * as pulumi from "@pulumi/pulumi";
import { InputError } from "../delivery/basics/input-error.ts";

/** The error that Pulumi prints without a stack trace where wrong input was thrown; any other one stays as it is. */
export function toRunError(error: unknown): unknown {
  return error instanceof InputError ? new pulumi.RunError(error.message) : error;
}

/** Runs `read`, and turns wrong input into an error that Pulumi prints without a stack trace. */
export async function orRunError<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw toRunError(error);
  }
}

/** Ends the program where there are problems, before anything is made. */
export function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new pulumi.RunError(problems.join("\n"));
}
