/** Cuts a stream of JSON objects that follow each other, as `kubectl get --watch` prints them, into objects. */
export class JsonStream {
  private text = "";
  private at = 0;
  private depth = 0;
  private inString = false;

  /**
   * Takes the next piece and returns the objects that end in it.
   *
   * @throws SyntaxError when an object is no JSON.
   */
  public take(piece: string): unknown[] {
    this.text += piece;
    const objects: unknown[] = [];
    for (; this.at < this.text.length; this.at++) {
      const character = this.text[this.at];
      if (this.inString) {
        if (character === "\\") this.at++;
        else if (character === '"') this.inString = false;
      } else if (character === '"') this.inString = true;
      else if (character === "{") this.depth++;
      else if (character === "}" && --this.depth === 0) {
        objects.push(JSON.parse(this.text.slice(0, this.at + 1)));
        this.text = this.text.slice(this.at + 1);
        this.at = -1;
      }
    }
    return objects;
  }
}
