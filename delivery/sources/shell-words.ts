/**
 * Splits a line at blanks, as BuildKit does: quotes and escapes hold a word together and stay in it, and so does `<<`
 * with what follows. A line with an open quote has no words.
 */
export function splitWords(line: string, escape: string): string[] {
  const any = `\\${escape}`;
  const word = new RegExp(
    `(?:<<\\s*|${any}.?|'[^']*'|"(?:${any}.|[^"${any}])*"|[^\\s'"${any}])+`,
    "gs",
  );
  return line.replace(word, "").trim() === "" ? (line.match(word) ?? []) : [];
}

/** Takes the quotes and escapes out of a word, and puts values in the place of `$NAME`, `${NAME}` and `${NAME:-default}`. */
export class WordReader {
  readonly #values: ReadonlyMap<string, string>;
  readonly #escape: string;
  readonly #fail: (problem: string) => never;
  #word = "";
  #at = 0;

  /** Calls `fail` for what is no word, or holds a substitution that is not known here. */
  public constructor(
    values: ReadonlyMap<string, string>,
    escape: string,
    fail: (problem: string) => never,
  ) {
    this.#values = values;
    this.#escape = escape;
    this.#fail = fail;
  }

  /** What a word means. */
  public read(word: string): string {
    this.#word = word;
    this.#at = 0;
    return this.#until("");
  }

  /** Reads up to `end`, which is a double quote, a brace, or nothing for the end of the word. */
  #until(end: "" | '"' | "}"): string {
    let text = "";
    while (this.#at < this.#word.length) {
      const char = this.#word.charAt(this.#at++);
      if (char === end) return text;
      if (char === "$") text += this.#substitution();
      else if (char === this.#escape) text += this.#escaped(end === '"');
      else if (char === '"') text += this.#until('"');
      else if (char === "'" && end !== '"') text += this.#literal();
      else text += char;
    }
    return end === "" ? text : this.#fail(`${this.#word} lacks a closing ${end}`);
  }

  #literal(): string {
    const end = this.#word.indexOf("'", this.#at);
    if (end === -1) this.#fail(`${this.#word} lacks a closing '`);
    const text = this.#word.slice(this.#at, end);
    this.#at = end + 1;
    return text;
  }

  #escaped(quoted: boolean): string {
    const char = this.#word.charAt(this.#at);
    if (quoted && !['"', "$", this.#escape].includes(char)) return this.#escape;
    this.#at++;
    return char;
  }

  #substitution(): string {
    const braced = this.#take(/\{/y) !== "";
    const name = this.#take(/\d+|\w+|[@*#?$!-]/y);
    if (!braced) return name === "" ? "$" : (this.#values.get(name) ?? "");
    const operator = this.#take(/\}|:?[-+?]/y);
    if (name === "" || operator === "")
      this.#fail(
        `${this.#word} holds a substitution other than \${NAME}, \${NAME:-default} and \${NAME:+instead}; use one of these`,
      );
    const value = this.#values.get(name);
    if (operator === "}") return value ?? "";
    const other = this.#until("}");
    const given = value !== undefined && !(operator.startsWith(":") && value === "");
    if (operator.endsWith("+")) return given ? other : "";
    if (given) return value;
    return operator.endsWith("-")
      ? other
      : this.#fail(`${name} has no value: ${other || "it needs one"}`);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const [found = ""] = pattern.exec(this.#word) ?? [];
    this.#at += found.length;
    return found;
  }
}
