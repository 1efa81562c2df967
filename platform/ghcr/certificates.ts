import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Certificate,
  authority,
  ensureFolder,
  signed,
  writeIfOther,
} from "../machine/state-files.ts";
import { type PlatformSettings, nodeAddress } from "../settings.ts";
import { rehearsalHost } from "./settings.ts";

const machineAuthorities = "/etc/ssl/certs/ca-certificates.crt";

/** Folder with all that the rehearsal keeps. */
export function rehearsalFolder({ state }: PlatformSettings): string {
  return ensureFolder(join(state, "rehearsal"));
}

/** The private authority by which the rehearsal's servers are known. */
export function rehearsalAuthority(settings: PlatformSettings): Certificate {
  return authority(
    join(rehearsalFolder(settings), "authority"),
    "/CN=TinyOlly rehearsal authority",
  );
}

/** Certificate of the registry and of its token service. */
export function rehearsalCertificate(settings: PlatformSettings): Certificate {
  const names = [`DNS:${rehearsalHost}`, "DNS:localhost", "IP:127.0.0.1", `IP:${nodeAddress}`];
  return signed(
    join(rehearsalFolder(settings), "tls"),
    rehearsalAuthority(settings),
    `/CN=${rehearsalHost}`,
    names.join(","),
  );
}

/**
 * What a shell needs so that programs trust the rehearsal's servers beside all that they trust anyway: Node by
 * `NODE_EXTRA_CA_CERTS`, helm and all others in Go by `SSL_CERT_FILE`.
 *
 * @param env environment of the shell, whose own authorities are kept.
 */
export function rehearsalEnvironment(
  settings: PlatformSettings,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  return {
    NODE_EXTRA_CA_CERTS: withAuthority(settings, "node.pem", env["NODE_EXTRA_CA_CERTS"]),
    SSL_CERT_FILE: withAuthority(settings, "all.pem", env["SSL_CERT_FILE"], machineAuthorities),
  };
}

/** File that holds the authorities of another one and the rehearsal's. */
function withAuthority(
  settings: PlatformSettings,
  name: string,
  given: string | undefined,
  fallback = "",
): string {
  const file = join(rehearsalFolder(settings), name);
  // The shell may have this environment already.
  const others = given === undefined || given === file ? fallback : given;
  const text = existsSync(others) ? `${readFileSync(others, "utf8").trimEnd()}\n` : "";
  const own = readFileSync(rehearsalAuthority(settings).certificate, "utf8");
  writeIfOther(file, `${text}${own}`);
  return file;
}
