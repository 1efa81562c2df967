import * as pulumi from "@pulumi/pulumi";
import { toRunError } from "./run-error.ts";

/** A plan as soon as its inputs are known; unknown in a preview where one of them is. */
export class Planned<Plan> {
  /** The plan where no input is an output; such inputs are judged at once, when the component is made. */
  public readonly known: Plan | undefined;
  /** The plan in a function: the SDK would copy an object, file by file, and knows no Map. */
  public readonly box: pulumi.Output<() => Plan>;

  private constructor(known: Plan | undefined, box: pulumi.Output<() => Plan>) {
    this.known = known;
    this.box = box;
  }

  /** A plan that is there. */
  public static of<Plan>(plan: Plan): Planned<Plan> {
    return new Planned(
      plan,
      pulumi.output(() => plan),
    );
  }

  /**
   * Makes a plan of inputs and of other plans.
   *
   * @throws pulumi.RunError where the inputs are wrong; where they were outputs, it ends the program later.
   */
  public static from<Inputs extends object, Other, Plan>(
    inputs: Inputs,
    others: Readonly<Record<string, Planned<Other>>>,
    plan: (inputs: pulumi.Unwrap<Inputs>, others: ReadonlyMap<string, Other>) => Plan,
  ): Planned<Plan> {
    const make = (...known: Parameters<typeof plan>): Plan => {
      try {
        return plan(...known);
      } catch (error) {
        throw toRunError(error);
      }
    };
    const entries = Object.entries(others);
    const known = entries.flatMap(([name, { known }]): [string, Other][] =>
      known === undefined ? [] : [[name, known]],
    );
    if (known.length === entries.length && isPlain(inputs)) {
      // Plain inputs need no unwrapping.
      return Planned.of(make(inputs as pulumi.Unwrap<Inputs>, new Map(known)));
    }
    const boxes = Object.fromEntries(entries.map(([name, { box }]) => [name, box]));
    const all = pulumi.all([pulumi.output(inputs), pulumi.output(boxes)]);
    const box = all.apply((values) => {
      // The SDK's types do not see that functions stay as they are.
      const [ready, opened] = values as unknown as [
        pulumi.Unwrap<Inputs>,
        Readonly<Record<string, () => Other>>,
      ];
      const plans = Object.entries(opened).map(([name, open]) => [name, open()] as const);
      const made = make(ready, new Map(plans));
      return () => made;
    });
    return new Planned(undefined, box);
  }

  /** A part of the plan. */
  public apply<Part>(part: (plan: Plan) => Part): pulumi.Output<Part> {
    return this.box.apply<Part>((open) => part(open()));
  }

  /** A part that another value decides as well. */
  public with<Other, Part>(
    other: pulumi.Input<Other>,
    part: (plan: Plan, other: pulumi.Unwrap<Other>) => Part,
  ): pulumi.Output<Part> {
    const both = pulumi.all([this.box, pulumi.output(other)]);
    // Unwrapping twice is unwrapping once.
    return both.apply<Part>(([open, ready]) => part(open(), ready as pulumi.Unwrap<Other>));
  }
}

/** The plans of components, by the names of these. */
export function plansOf<Plan>(
  components: Readonly<Record<string, { readonly plan: Planned<Plan> }>>,
): Record<string, Planned<Plan>> {
  return Object.fromEntries(Object.entries(components).map(([name, { plan }]) => [name, plan]));
}

/** Whether there is no output or promise in a value. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return false;
  return Object.values(value).every(isPlain);
}
