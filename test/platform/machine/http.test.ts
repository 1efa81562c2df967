import { type Socket, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { get } from "../../../platform/machine/http.ts";

/** A server that answers every request in this way; resolves to its address. */
async function serve(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.once("data", () => {
      answer(socket);
    });
  });
  onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return `http://127.0.0.1:${address.port}`;
}

const half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ";

test("an answer is read whole", async () => {
  const url = await serve((socket) => {
    socket.write(half);
    setTimeout(() => socket.end("done."), 20);
  });
  expect(await get(url)).toEqual({ status: 200, body: "half done." });
});

test.each([
  ["is closed", (socket: Socket) => socket.end(half)],
  ["is reset", (socket: Socket) => socket.write(half, () => socket.resetAndDestroy())],
])("an answer is an error when the connection %s in the middle of it", async (_, answer) => {
  const url = await serve(answer);
  await expect(get(url)).rejects.toThrow("the answer was cut off");
});
