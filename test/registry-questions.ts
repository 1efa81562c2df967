import type { ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { RegistryClient, RegistryError } from "../delivery/registry/client.ts";
import type { Tls } from "../delivery/registry/references.ts";
import type { RegistryClientOptions, FoundCredentials } from "../delivery/registry/types.ts";
import {
  type Behaviour,
  type FakeRegistryOptions,
  mediaTypes,
  sendError,
  sendJson,
} from "./fake-registry-answers.ts";
import { type FakeRegistry, startRegistry } from "./fake-registry.ts";

/** A registry that is closed after the test. */
export async function serve(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const registry = await startRegistry(options);
  onTestFinished(() => registry.close());
  return registry;
}

/** A client that does not pause and has no credentials, closed after the test. */
export function clientOf(
  { host }: { host: string },
  options: RegistryClientOptions & { tls?: Tls; login?: FoundCredentials } = {},
): RegistryClient {
  const { tls = "plain-http", login, ...limits } = options;
  const client = new RegistryClient(
    { host, tls },
    {
      timeoutMs: 10_000,
      deadlineMs: 10_000,
      backOffMs: 1,
      credentials: () => Promise.resolve(login),
      ...limits,
    },
  );
  onTestFinished(() => {
    client.close();
  });
  return client;
}

/** Message of the RegistryError that a question ends with, with HOST and TIME for what differs between runs. */
export async function messageOf(
  question: Promise<unknown>,
  { host }: { host: string },
): Promise<string> {
  const error = await question.then(
    (answer: unknown) => new Error(`no error, but ${JSON.stringify(answer)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof RegistryError)) throw error;
  return error.message.replaceAll(host, "HOST").replaceAll(/\d{4}-[\dT:.-]+Z/g, "TIME");
}

export const paths = (registry: FakeRegistry): string[] =>
  registry.requests.map(({ method, path }) => `${method} ${path}`);

export const html = (response: ServerResponse, status: number): true => {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8" }).end("<html></html>");
  return true;
};

export const status =
  (code: number, headers: Record<string, string> = {}): Behaviour =>
  (_, response) => {
    sendJson(response, code, { errors: [] }, headers);
    return true;
  };

/** Answers with an error as registries do. */
export const error =
  (code: number, name: string, message: string, headers: Record<string, string> = {}): Behaviour =>
  (_, response) => {
    sendError(response, code, name, message, headers);
    return true;
  };

/** Misbehaves towards requests with this method only. */
export const only =
  (method: string, behaviour: Behaviour): Behaviour =>
  (request, response, count) =>
    request.method === method && behaviour(request, response, count);

/** Answers 200 with a body as this media type. */
export const content =
  (
    body: string,
    type: string = mediaTypes.manifest,
    headers: Record<string, string> = {},
  ): Behaviour =>
  (_, response) => {
    response.writeHead(200, { "content-type": type, ...headers }).end(body);
    return true;
  };

export const reset: Behaviour = (_, response) => {
  response.socket?.destroy();
  return true;
};

/** Misbehaves for the first requests only. */
export const first =
  (requests: number, behaviour: Behaviour): Behaviour =>
  (request, response, count) =>
    count <= requests && behaviour(request, response, count);
