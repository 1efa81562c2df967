import { join } from "node:path";
import { type Page, chromium } from "playwright-core";
import { browser } from "../../platform/tools/catalog.ts";
import { provideTools } from "../../platform/tools/provide.ts";
import { platform } from "./checkout.ts";

/** Opens a page in headless Chromium for the time of `body`; `name` is that of the picture that is taken on failure. */
export async function withPage(name: string, body: (page: Page) => Promise<void>): Promise<void> {
  const tools = await provideTools([browser], platform.cache, () => undefined);
  const executablePath = tools.get(browser.name)?.path ?? "";
  const opened = await chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const page = await opened.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") problems.push(message.text());
    });
    try {
      await body(page);
    } catch (error) {
      await page.screenshot({ path: join(platform.state, "logs", `${name}.png`) });
      throw error;
    }
    if (problems.length > 0) throw new Error(`the page says: ${problems.join("\n")}`);
  } finally {
    await opened.close();
  }
}
