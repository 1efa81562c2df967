/** A program that signing runs, and how one is recognized. */
export interface SigningTool {
  readonly name: string;
  readonly version: string;
  /** What it must print for these arguments. */
  readonly accepts: { readonly args: readonly string[]; readonly pattern: RegExp };
}

/** Signs and verifies. */
export const cosign: SigningTool = {
  name: "cosign",
  version: "3.1.3",
  // Version 2 stores signatures in another form.
  accepts: { args: ["version"], pattern: /^GitVersion:\s+v3\./m },
};

/** Lists what an image holds. */
export const syft: SigningTool = {
  name: "syft",
  version: "1.57.1",
  accepts: { args: ["version"], pattern: /^Version:\s+v?1\./m },
};

/** All that signing runs. */
export const signingTools: readonly SigningTool[] = [cosign, syft];
