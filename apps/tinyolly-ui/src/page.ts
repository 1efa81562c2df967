import type { Api } from './api';
import type { VElement } from './dom';
import type { Addresses } from './model';
import type { Route, TracesRoute } from './router';

/** What a page can do besides drawing itself. */
export interface PageContext {
  readonly api: Api;
  /** Goes to another place; `replace` leaves no entry in the history. */
  readonly go: (route: Route, how?: 'push' | 'replace') => void;
  /** Runs once typing has paused; dropped when another place is opened first. */
  readonly soon: (action: () => void) => void;
  /** Draws again after a change of the page's own state. */
  readonly redraw: () => void;
  /** Loads again, then draws. */
  readonly reload: () => void;
  /** Where this TinyOlly is reached, as far as it is known. */
  readonly addresses: () => Addresses;
  /** The list of traces as it was filtered last. */
  readonly lastTraces: () => TracesRoute;
}

/** A page at one address. */
export interface View {
  readonly title: string;
  /** Names what is loaded, where another address can show it in another way without loading it again. */
  readonly source?: string;
  /** Gets what the page shows; it keeps the last good answer when this rejects. */
  load(signal: AbortSignal): Promise<void>;
  /** Undefined until the first load has come back. */
  render(): VElement | undefined;
}

/** A page's state lives in the closure that makes its views, so it outlasts a visit to another page. */
export type Page<R extends Route> = (route: R) => View;
