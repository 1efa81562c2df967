import { readFileSync } from "node:fs";
import * as command from "@pulumi/command";
import * as kubernetes from "@pulumi/kubernetes";

const {
  commands = {},
  objects = {},
  kubeconfig,
} = JSON.parse(readFileSync(process.env.CONTRACT_RESOURCES, "utf8"));

/** The stdout of a command or the metadata of an object, by the name of the resource. */
export const outputs = {};

for (const [name, { stdinFrom, ...args }] of Object.entries(commands)) {
  const stdin = stdinFrom === undefined ? {} : { stdin: outputs[stdinFrom] };
  outputs[name] = new command.local.Command(name, { ...args, ...stdin }).stdout;
}

if (Object.keys(objects).length > 0) {
  const provider = new kubernetes.Provider("cluster", {
    kubeconfig: kubeconfig ?? process.env.CONTRACT_KUBECONFIG,
    clusterIdentifier: "contract",
  });
  for (const [name, args] of Object.entries(objects)) {
    const object = new kubernetes.apiextensions.CustomResource(name, args, { provider });
    outputs[name] = object.metadata.name;
  }
}
