/*
 * What the browser itself keeps: data-area="local" for all its tabs, "session" for this one. Where that is closed or full
 * nothing is kept, and whoever asks goes on without.
 */
class BrowserStore extends HTMLElement {
  read(key) {
    return this.#try((area) => JSON.parse(area.getItem(key))) ?? null;
  }

  /* Every value whose key begins so. */
  all(prefix) {
    const keys = this.#try((area) => Object.keys(area)) ?? [];
    return keys.filter((key) => key.startsWith(prefix)).map((key) => this.read(key)).filter((value) => value !== null);
  }

  write(key, value) {
    this.#try((area) => area.setItem(key, JSON.stringify(value)));
  }

  drop(key) {
    this.#try((area) => area.removeItem(key));
  }

  #try(act) {
    try {
      return act(window[`${this.dataset.area}Storage`]);
    } catch {
      return undefined;
    }
  }
}

customElements.define("browser-store", BrowserStore);
