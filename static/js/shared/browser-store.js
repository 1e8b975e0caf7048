/*
 * What the browser itself keeps: "local" for all its tabs, "session" for this one. Where that is closed or full nothing is
 * kept, and whoever asks goes on without.
 */
export class BrowserStore {
  #area;

  constructor(area) {
    this.#area = area;
  }

  read(key) {
    return this.#attempt((area) => JSON.parse(area.getItem(key))) ?? null;
  }

  /* Every value whose key begins so. */
  all(prefix) {
    const keys = this.#attempt((area) => Object.keys(area)) ?? [];
    return keys.filter((key) => key.startsWith(prefix)).map((key) => this.read(key)).filter((value) => value !== null);
  }

  write(key, value) {
    this.#attempt((area) => area.setItem(key, JSON.stringify(value)));
  }

  drop(key) {
    this.#attempt((area) => area.removeItem(key));
  }

  #attempt(act) {
    try {
      return act(window[`${this.#area}Storage`]);
    } catch {
      return undefined;
    }
  }
}
