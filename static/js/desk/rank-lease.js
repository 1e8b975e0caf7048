/* Keeps the task for the person who looks at it, and hears what became of it elsewhere, in another browser too. */
const HEARTBEAT = 4 * 60_000; // ms

class RankLease extends HTMLElement {
  connectedCallback() {
    this.draft = this.closest("rank-draft");
    this.controller = new AbortController();
    const { signal } = this.controller;
    document.addEventListener("visibilitychange", () => document.hidden || this.#keep(), { signal });
    addEventListener("focus", () => this.#keep(), { signal });
    this.heartbeat = setInterval(() => document.hidden || this.#keep(), HEARTBEAT);
  }

  disconnectedCallback() {
    this.controller.abort();
    clearInterval(this.heartbeat);
  }

  async #keep() {
    const { draft } = this;
    if (draft.dirty || draft.busy) return;
    const data = draft.data();
    data.set("ahead", document.querySelector("rank-ahead").board?.dataset.task ?? "");
    const answer = await draft.post(this.dataset.address, data);
    if (this.controller.signal.aborted || !answer) return;
    const changed = answer.ok && (await answer.json()).revision > Number(draft.dataset.revision);
    if ((changed && !draft.dirty) || [404, 409].includes(answer.status)) draft.stale();
  }
}

customElements.define("rank-lease", RankLease);
