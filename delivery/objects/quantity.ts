const suffixes: Readonly<Record<string, number>> = {
  ...{ n: 1e-9, u: 1e-6, m: 1e-3, "": 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 },
};

/** A quantity of Kubernetes as a number, so that `1000m` and `1` are one; what is none stays as it is. */
export function quantity(value: unknown): unknown {
  const match = /^([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkMGTPE]?i?)$/.exec(String(value));
  const factor = suffixes[match?.[2] ?? ""];
  const number = Number(match?.[1]);
  // Nine digits are all that Kubernetes keeps behind the point.
  return match && factor !== undefined ? Number((number * factor).toFixed(9)) : value;
}
