// Node imports this file before the Pulumi SDK.
import "./end-with-engine.ts";
import "./plain-stacks.ts";
import "./lighter-sdk.ts";
