/** What a line of `make up` says is ready; undefined for other lines. */
export function readyPart(line: string): string | undefined {
  return (
    /^\[\d+\/\d+\] (.*?)(?:: ready after| ?: made in)/.exec(line)?.[1] ??
    /^started (\S+) on /.exec(line)?.[1] ??
    /^(platform) is up/.exec(line)?.[1]
  );
}
