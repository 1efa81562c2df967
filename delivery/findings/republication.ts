import type { Absence } from "../registry/absence.ts";
import type { Presence } from "./presence.ts";
import type { RecordedArtifact } from "./recorded.ts";

/** How an artifact comes to be in the registry, besides by being made because it changed. */
export interface Republication {
  /** How often it was and will be pushed again; part of the inputs, so that one more is a change. */
  readonly pushes: number;
  /** `sha256:…` that the state recorded; undefined where it recorded none. */
  readonly digest: string | undefined;
  /** Why it is pushed again now; undefined when it is not. */
  readonly absence: Absence | undefined;
  /** `sha256:…` of the same content that the registry has already, so that nothing is made. @default - it has not */
  readonly existing?: string | undefined;
  /** Release that a chart was made for, where a later one takes it as it is. @default - the one that is made */
  readonly since?: string | undefined;
}

/** What the state and the registry say about each artifact, by name. */
export function republications(
  recorded: ReadonlyMap<string, RecordedArtifact>,
  presences: ReadonlyMap<string, Presence>,
): Map<string, Republication> {
  return new Map(
    [...presences].map(([name, { absence, existing, since }]) => {
      const { pushes = 0, digest, adopted = false } = recorded.get(name) ?? {};
      // What no resource of this stack made is made anew, and not once more.
      const again = absence && !adopted ? 1 : 0;
      return [name, { pushes: pushes + again, digest, absence, existing, since }];
    }),
  );
}
