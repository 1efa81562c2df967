import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  rehearsalAuthority,
  rehearsalCertificate,
  rehearsalEnvironment,
} from "../../../platform/ghcr/certificates.ts";
import { type PlatformSettings, readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith, writeFiles } from "../../folders.ts";

function platform(): PlatformSettings {
  return readPlatformSettings({ TINYOLLY_STATE: folderWith({}) });
}

const read = (file: string): string => readFileSync(file, "utf8");

test("the servers have a certificate by a private authority, for all names under which they are reached", () => {
  const settings = platform();
  const authority = new X509Certificate(read(rehearsalAuthority(settings).certificate));
  const server = new X509Certificate(read(rehearsalCertificate(settings).certificate));
  expect([authority.ca, server.ca]).toEqual([true, false]);
  expect(server.checkIssued(authority) && server.verify(authority.publicKey)).toBe(true);
  expect(server.subjectAltName).toBe(
    "DNS:ghcr.tinyolly.test, DNS:localhost, IP Address:127.0.0.1, IP Address:10.244.0.1",
  );
  for (const { key } of [rehearsalAuthority(settings), rehearsalCertificate(settings)])
    expect(statSync(key).mode & 0o777).toBe(0o600);
});

test("authority and certificate are made once", () => {
  const settings = platform();
  const before = [rehearsalAuthority(settings), rehearsalCertificate(settings)].map(
    ({ certificate }) => read(certificate),
  );
  expect(read(rehearsalAuthority(settings).certificate)).toBe(before[0]);
  expect(read(rehearsalCertificate(settings).certificate)).toBe(before[1]);
});

test("a shell trusts the authority beside those that it trusts anyway", () => {
  const settings = platform();
  const own = read(rehearsalAuthority(settings).certificate);
  const others = folderWith({ "go.pem": "of Go", "node.pem": "of Node\n" });
  const environment = rehearsalEnvironment(settings, {
    NODE_EXTRA_CA_CERTS: join(others, "node.pem"),
    SSL_CERT_FILE: join(others, "go.pem"),
  });
  const folder = join(settings.state, "rehearsal");
  expect(environment).toEqual({
    NODE_EXTRA_CA_CERTS: join(folder, "node.pem"),
    SSL_CERT_FILE: join(folder, "all.pem"),
  });
  expect(read(join(folder, "node.pem"))).toBe(`of Node\n${own}`);
  expect(read(join(folder, "all.pem"))).toBe(`of Go\n${own}`);
});

test("where nothing is set, the machine's authorities count, and Node needs no others", () => {
  const settings = platform();
  const own = read(rehearsalAuthority(settings).certificate);
  const environment = rehearsalEnvironment(settings, {});
  expect(read(environment["NODE_EXTRA_CA_CERTS"] ?? "")).toBe(own);
  const all = read(environment["SSL_CERT_FILE"] ?? "");
  expect(all).toBe(`${read("/etc/ssl/certs/ca-certificates.crt").trimEnd()}\n${own}`);
});

test("a shell that has this environment gets no more of it", () => {
  const settings = platform();
  const first = rehearsalEnvironment(settings, {});
  const files = Object.values(first).map(read);
  expect(rehearsalEnvironment(settings, first)).toEqual(first);
  expect(Object.values(first).map(read)).toEqual(files);
});

test("an authority that is made anew is trusted in the place of the old one", () => {
  const settings = platform();
  const first = rehearsalEnvironment(settings, {});
  const { certificate } = rehearsalAuthority(settings);
  writeFiles(join(certificate, ".."), { "ca.pem": "another one\n" });
  rehearsalEnvironment(settings, first);
  expect(read(first["NODE_EXTRA_CA_CERTS"] ?? "")).toBe("another one\n");
});
