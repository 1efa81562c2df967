import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

const patienceMs = 3000;

/**
 * Says what is wrong with a buildx builder whose driver is `remote`, and what to do; undefined when it answers. Builders
 * with other drivers start on demand and are not asked. The docker-build plugin itself would only say "context deadline
 * exceeded".
 */
export async function builderProblem(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const folder =
    env["BUILDX_CONFIG"] ?? join(env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "buildx");
  // The builder of a Docker engine has no file.
  if (name === "default") return undefined;
  const file = join(folder, "instances", name);
  if (!existsSync(file)) {
    return `there is no builder "${name}" in ${folder}; start the platform with make platform-up, make one with docker buildx create --name ${name}, or set builder to one that docker buildx ls shows`;
  }
  const nodes = remoteNodes(file);
  for (const { Endpoint } of nodes) {
    if (!(await answers(Endpoint))) {
      return `builder "${name}" does not answer at ${Endpoint}; start it (make platform-up starts the platform's)`;
    }
  }
  return undefined;
}

/** Nodes of a builder whose driver is `remote`; none where the file is not as buildx writes it. */
function remoteNodes(file: string): readonly { readonly Endpoint: string }[] {
  try {
    // Written by docker buildx create.
    const { Driver, Nodes } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly Driver: string;
      readonly Nodes: readonly { readonly Endpoint: string }[];
    };
    return Driver === "remote" ? Nodes.filter(({ Endpoint }) => URL.canParse(Endpoint)) : [];
  } catch {
    return [];
  }
}

/** Endpoints of other kinds, such as ssh, are taken to answer. */
function answers(endpoint: string): Promise<boolean> {
  const { protocol, pathname, hostname, port } = new URL(endpoint);
  const target =
    protocol === "unix:"
      ? { path: pathname }
      : protocol === "tcp:"
        ? { host: hostname, port: Number(port) }
        : undefined;
  if (!target) return Promise.resolve(true);
  return new Promise((resolve) => {
    const socket = connect(target);
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(patienceMs, () => {
      end(false);
    });
    socket.once("connect", () => {
      end(true);
    });
    socket.once("error", () => {
      end(false);
    });
  });
}
