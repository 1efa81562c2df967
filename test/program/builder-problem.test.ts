import { type Server, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { builderProblem } from "../../program/builder-problem.ts";
import { folderWith } from "../folders.ts";

let server: Server | undefined;

afterEach(() => {
  server?.close();
});

/** A folder of buildx with one builder. */
function buildxWith(instance: object): NodeJS.ProcessEnv {
  return { BUILDX_CONFIG: folderWith({ "instances/smith": JSON.stringify(instance) }) };
}

function remote(...endpoints: string[]): NodeJS.ProcessEnv {
  const nodes = endpoints.map((Endpoint, i) => ({ Name: `smith${i}`, Endpoint }));
  return buildxWith({ Driver: "remote", Nodes: nodes });
}

async function listen(address: { path: string } | { host: string; port: number }): Promise<Server> {
  const started = createServer();
  await new Promise<void>((resolve) => started.listen(address, resolve));
  server = started;
  return started;
}

test("a builder that is not there is named, with the folder that was asked", async () => {
  const folder = folderWith({});
  expect(await builderProblem("smith", { BUILDX_CONFIG: folder })).toBe(
    `there is no builder "smith" in ${folder}; start the platform with make platform-up, make one with ` +
      "docker buildx create --name smith, or set builder to one that docker buildx ls shows",
  );
});

test("without BUILDX_CONFIG, Docker's own folder has the builders", async () => {
  const folder = folderWith({ "buildx/instances/smith": '{"Driver": "docker-container"}' });
  expect(await builderProblem("smith", { DOCKER_CONFIG: folder })).toBeUndefined();
});

test("a builder that starts on demand is not asked", async () => {
  const nodes = [{ Endpoint: "unix:///no/such/socket" }];
  const env = buildxWith({ Driver: "docker-container", Nodes: nodes });
  expect(await builderProblem("smith", env)).toBeUndefined();
});

test("a socket that answers is fine", async () => {
  const socket = join(folderWith({}), "b.sock");
  await listen({ path: socket });
  expect(await builderProblem("smith", remote(`unix://${socket}`))).toBeUndefined();
});

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.address === "::1");

test.each(["127.0.0.1", ...(hasIpv6 ? ["::1"] : [])])(
  "a port of %s that answers is fine, until it does not",
  async (host) => {
    const address = (await listen({ host, port: 0 })).address();
    if (address === null || typeof address === "string") throw new Error("it listens on TCP");
    const endpoint = `tcp://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
    expect(await builderProblem("smith", remote(endpoint))).toBeUndefined();
    await new Promise((resolve) => server?.close(resolve));
    expect(await builderProblem("smith", remote(endpoint))).toBe(
      `builder "smith" does not answer: node "smith0" at ${endpoint}; start it (make platform-up starts the platform's)`,
    );
  },
);

test("every node has to answer, and each that does not is named", async () => {
  const socket = join(folderWith({}), "b.sock");
  await listen({ path: socket });
  const env = remote("unix:///none", `unix://${socket}`, "unix:///nothing");
  expect(await builderProblem("smith", env)).toBe(
    'builder "smith" does not answer: node "smith0" at unix:///none and node "smith2" at unix:///nothing; ' +
      "start it (make platform-up starts the platform's)",
  );
});

test("an endpoint that cannot be asked is taken to answer", async () => {
  expect(await builderProblem("smith", remote("ssh://far.test"))).toBeUndefined();
});

test.each([
  ["a file that buildx did not write", "no JSON"],
  ["an endpoint that is no address", '{"Driver":"remote","Nodes":[{"Endpoint":"/run/b.sock"}]}'],
])("%s is no reason to warn or to fail", async (_, text) => {
  const env = { BUILDX_CONFIG: folderWith({ "instances/smith": text }) };
  expect(await builderProblem("smith", env)).toBeUndefined();
});

test("the builder of a Docker engine has no file", async () => {
  expect(await builderProblem("default", { BUILDX_CONFIG: folderWith({}) })).toBeUndefined();
});
