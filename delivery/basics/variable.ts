/** Reads a variable of the environment; an empty one counts as none. */
export function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name] ?? "";
  return value === "" ? undefined : value;
}
