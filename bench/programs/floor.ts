/** Nothing: what every Pulumi program takes at least. */
export {};
