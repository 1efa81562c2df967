import type { Absence } from "./published";
import type { RecordedArtifact } from "./recorded";

/** Whether an artifact that is as planned is pushed once more. */
export interface Republication {
  /** How often it was and will be pushed again; part of the inputs, so that one more is a change. */
  readonly pushes: number;
  /** `sha256:…` that the state recorded. */
  readonly digest: string;
  /** Why it is pushed again now; undefined when it is not. */
  readonly absence: Absence | undefined;
}

/** What the state and the registry say about each artifact, by name. */
export function republications(
  recorded: ReadonlyMap<string, RecordedArtifact>,
  absences: ReadonlyMap<string, Absence>,
): Map<string, Republication> {
  return new Map(
    [...recorded].map(([name, { pushes, digest }]) => {
      const absence = absences.get(name);
      return [name, { pushes: pushes + (absence ? 1 : 0), digest, absence }];
    }),
  );
}
