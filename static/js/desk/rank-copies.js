/* Copies of a draft in this browser: in the tab, for the moment before a reload, and by a channel in its other windows. */
import { BrowserStore } from "browser-store";
import { withoutToken } from "csrf-token";

class RankCopies extends HTMLElement {
  store = new BrowserStore("session");

  connectedCallback() {
    this.draft = this.closest("rank-draft");
    const { person } = this.closest("rank-desk").dataset; // with the site's path: another copy of it has such a task too
    this.key = `podium-draft-${person}-${this.closest("rank-board").dataset.task}`;
    this.channel = new BroadcastChannel(this.key);
    this.channel.onmessage = ({ data }) => this.take(data);
  }

  disconnectedCallback() {
    this.channel.close();
  }

  /* Shows what was chosen in the moment before a reload, of which the server may not have heard yet. */
  restore() {
    const { board, dataset } = this.draft;
    const { revision, fields } = this.store.read(this.key) ?? {};
    if (revision !== dataset.revision || this.#nameOthers(fields)) return false;
    board.fill(fields, "kept");
    return true;
  }

  keep() {
    const fields = Object.fromEntries(withoutToken(new FormData(this.draft.form)));
    this.store.write(this.key, { revision: this.draft.dataset.revision, fields });
  }

  drop() {
    this.store.drop(this.key);
  }

  tell(revision, data) {
    this.channel.postMessage({ revision, fields: Object.fromEntries(data) });
  }

  /* Shows what was chosen in another window, unless something newer was chosen here. */
  take({ revision, fields }) {
    const { draft } = this;
    if (draft.dirty || revision <= Number(draft.dataset.revision)) return;
    if (this.#nameOthers(fields)) return draft.stale();
    draft.dataset.revision = revision;
    draft.board.fill(fields);
  }

  /* Whether they are of completions that the board has not: a window from before an upgrade names them otherwise. */
  #nameOthers(fields) {
    const { elements } = this.draft.form;
    return Object.keys(fields).some((name) => /^(rank|flag|note)-/.test(name) && !elements.namedItem(name));
  }
}

customElements.define("rank-copies", RankCopies);
