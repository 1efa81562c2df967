import { expect, test } from "vitest";
import { registration } from "../../platform/emulation";

test("the kernel is told of QEMU as Debian's own package does, opened at once", () => {
  // The line of qemu-user-static in /usr/lib/binfmt.d, with its own interpreter and flags.
  const magic = String.raw`\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`;
  const mask = String.raw`\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`;
  expect(registration("qemu-aarch64", String.raw`\xb7\x00`, "/usr/bin/qemu-aarch64-static")).toBe(
    `:qemu-aarch64:M::${magic}:${mask}:/usr/bin/qemu-aarch64-static:F`,
  );
});
