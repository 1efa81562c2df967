import { RegistryFailure, checkAddress, withReason } from "./failure.ts";
import type { RegistryServer } from "./server.ts";
import type { RegistryRequest, RegistryResponse } from "./types.ts";

const mostRedirects = 3;

/**
 * Sends a GET or HEAD to each place to which it is redirected, up to three times. Another host does not get its
 * Authorization.
 *
 * @throws RegistryFailure when there are more redirects, or another method is redirected.
 */
export async function followRedirects(
  request: RegistryRequest,
  server: RegistryServer,
  send: (request: RegistryRequest) => Promise<RegistryResponse>,
): Promise<RegistryResponse> {
  for (let at = request, redirects = 0; ; redirects++) {
    const response = await send(at);
    const { location } = response.headers;
    if (response.status < 301 || response.status > 308 || location === undefined) return response;
    if (request.follow === false) return response;
    if (
      !["GET", "HEAD"].includes(at.method) ||
      redirects === mostRedirects ||
      !URL.canParse(location, response.url.href)
    ) {
      const said = `${server.who(response.url)} answered ${withReason(response.status)}`;
      throw new RegistryFailure(`${said} after ${redirects} redirects; ${checkAddress}`);
    }
    const url = new URL(location, response.url);
    const { authorization, ...others } = at.headers;
    const keeps = authorization !== undefined && url.origin === response.url.origin;
    at = { ...at, url, headers: keeps ? at.headers : others };
  }
}
