// The last tests need root, as the platform does: they have namespaces of their own.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reservePorts } from "../../../platform/machine/reserved-ports.ts";
import { readPlatformSettings } from "../../../platform/settings.ts";
import { folderWith } from "../../folders.ts";
import { runApart } from "../../run-apart.ts";

/** What is reserved after a platform with these variables asked a kernel with such settings. */
function reservedBy(env: NodeJS.ProcessEnv, reserved = "\n", range = "32768\t60999\n"): string {
  const folder = folderWith({ ip_local_port_range: range, ip_local_reserved_ports: reserved });
  reservePorts(readPlatformSettings(env), folder);
  return readFileSync(join(folder, "ip_local_reserved_ports"), "utf8");
}

test("of the usual ports only the specification's lies among those of connections", () => {
  expect(reservedBy({ TINYOLLY_REHEARSAL: "1" })).toBe("49443");
});

test("nothing is reserved where ports are moved", () => {
  expect(reservedBy({ TINYOLLY_PORT_OFFSET: "100", TINYOLLY_REHEARSAL: "1" })).toBe("\n");
});

test("what others reserved stays so", () => {
  expect(reservedBy({}, "8080,9000-9100\n")).toBe("8080,9000-9100,49443");
});

test.each(["49443\n", "40000-50000\n"])("what is reserved already by %j is left alone", (text) => {
  expect(reservedBy({}, text)).toBe(text);
});

test("ports that the user chose among those of connections are reserved, the rehearsal's only with it", () => {
  const env = { TINYOLLY_PORT_UI: "40002", TINYOLLY_PORT_AIRGAP: "40600" };
  expect(reservedBy(env)).toBe("49443,40002");
  expect(reservedBy({ ...env, TINYOLLY_REHEARSAL: "1" })).toBe("49443,40002,40600");
});

test("the range is the kernel's own", () => {
  expect(reservedBy({}, "\n", "5001 6500\n")).toBe("6443,5002");
});

const reserve = `
  const { readFileSync, writeFileSync } = require("node:fs");
  const { reservePorts } = require("./platform/machine/reserved-ports.ts");
  const { readPlatformSettings } = require("./platform/settings.ts");`;

test("the kernel gives no connection a port that is reserved", () => {
  // Of the two ports that connections may have, one is the platform's.
  const script = `${reserve}
    const { createServer, connect } = require("node:net");
    writeFileSync("/proc/sys/net/ipv4/ip_local_port_range", "49443 49444");
    reservePorts(readPlatformSettings({}));
    createServer().listen(1024, "127.0.0.1", () => {
      const first = connect(1024, "127.0.0.1", () => {
        console.log(first.localPort);
        connect(1024, "127.0.0.1").on("error", ({ code }) => {
          console.log(code);
          process.exit();
        });
      });
    });`;
  expect(runApart(script)).toBe("49444\nEADDRNOTAVAIL\n");
});

test("where the kernel's settings are read-only, as in a container, nothing is reserved", () => {
  const mounts = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys";
  const script = `${reserve}
    reservePorts(readPlatformSettings({}));
    console.log(readFileSync("/proc/sys/net/ipv4/ip_local_reserved_ports", "utf8").trim());`;
  expect(runApart(script, ["sh", "-c", `${mounts} && exec "$@"`, "sh"])).toBe("\n");
});
