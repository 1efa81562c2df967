import { existsSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";

const patienceMs = 3000;

/** Folder in which buildx keeps its builders. */
export function buildxFolder(env: NodeJS.ProcessEnv): string {
  return env["BUILDX_CONFIG"] ?? join(env["DOCKER_CONFIG"] ?? join(homedir(), ".docker"), "buildx");
}

/**
 * Says what is wrong with a buildx builder whose driver is `remote`, and what to do; undefined when each of its nodes
 * answers. Builders with other drivers start on demand and are not asked. The docker-build plugin itself would only say
 * "context deadline exceeded".
 */
export async function builderProblem(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const folder = buildxFolder(env);
  // The builder of a Docker engine has no file.
  if (name === "default") return undefined;
  const file = join(folder, "instances", name);
  if (!existsSync(file)) {
    return `there is no builder "${name}" in ${folder}; start the platform with make platform-up, make one with docker buildx create --name ${name}, or set builder to one that docker buildx ls shows`;
  }
  const nodes = remoteNodes(file);
  const answering = await Promise.all(nodes.map(({ Endpoint }) => answers(Endpoint)));
  const silent = nodes.filter((_, i) => answering[i] !== true);
  if (silent.length === 0) return undefined;
  const named = silent.map(({ Name, Endpoint }) => `node "${Name}" at ${Endpoint}`).join(" and ");
  return `builder "${name}" does not answer: ${named}; start it (make platform-up starts the platform's)`;
}

interface RemoteNode {
  readonly Name: string;
  readonly Endpoint: string;
}

/** Nodes of a builder whose driver is `remote`; none where the file is not as buildx writes it. */
function remoteNodes(file: string): readonly RemoteNode[] {
  try {
    // Written by docker buildx create.
    const { Driver, Nodes } = JSON.parse(readFileSync(file, "utf8")) as {
      readonly Driver: string;
      readonly Nodes: readonly RemoteNode[];
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
        ? // An address of IPv6 has brackets in a URL alone.
          { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) }
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
