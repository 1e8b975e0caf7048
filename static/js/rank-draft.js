/*
 * Keeps what is chosen so far on the server, a moment after each change, and the lease with it. Windows on the same task
 * agree: in one browser by a channel at once, elsewhere by the draft's revision when someone comes back to the page.
 */
const PAUSE = 400; // ms after the last change
const HEARTBEAT = 4 * 60_000; // ms
const WAITS = [1, 2, 4, 8, 15, 30]; // s between tries

class RankDraft extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    this.form = this.closest("form");
    if (!this.dataset.address) return;
    this.tries = 0;
    this.controller = new AbortController();
    const { signal } = this.controller;
    const person = this.closest("rank-desk")?.dataset.person ?? ""; // with the site's path: another copy has such a task too
    this.channel = new BroadcastChannel(`podium-draft-${person}-${this.board.dataset.task}`);
    this.channel.onmessage = ({ data }) => this.#take(data);
    for (const name of ["board:changed", "input"]) this.board.addEventListener(name, () => this.#changed(), { signal });
    document.addEventListener("podium:now", () => this.dirty && this.#save(), { signal });
    document.addEventListener("visibilitychange", () => this.#seen(), { signal });
    addEventListener("focus", () => this.#keep(), { signal });
    this.heartbeat = setInterval(() => document.hidden || this.#keep(), HEARTBEAT);
  }

  disconnectedCallback() {
    if (this.dirty) this.#save();
    this.stop();
  }

  /* The task was answered: nothing of it is a draft any more. */
  stop() {
    this.dirty = false;
    this.controller?.abort();
    this.channel?.close();
    clearTimeout(this.timer);
    clearInterval(this.heartbeat);
    this.#tell("saved");
  }

  #changed() {
    this.dirty = true;
    this.#tell("saving");
    this.#later(PAUSE);
  }

  #later(milliseconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#save(), milliseconds);
  }

  async #save() {
    clearTimeout(this.timer);
    if (this.busy) return this.#later(PAUSE);
    this.busy = true;
    this.dirty = false;
    const data = this.#data();
    const answer = await this.#post(this.dataset.address, data);
    this.busy = false;
    // Even where the board was set aside meanwhile: it may come back.
    if (answer?.ok) this.#saved(await answer.json(), data);
    else if (this.controller.signal.aborted) return;
    else if (answer?.status === 409) this.#behind(await answer.json());
    else if (answer?.status === 404) this.#stale();
    else this.#failed(answer?.type === "opaqueredirect" || answer?.status === 403 ? "logged-out" : "failed");
  }

  #saved({ revision }, data) {
    this.tries = 0;
    this.dataset.revision = revision;
    if (this.controller.signal.aborted) return;
    this.channel.postMessage({ revision, fields: Object.fromEntries(data) });
    if (!this.dirty) this.#tell("saved");
  }

  #behind({ code, revision, fields }) {
    if (code !== "draft_changed") return this.#stale();
    this.dirty = false;
    this.#take({ revision, fields });
    this.#tell("saved");
  }

  #failed(state) {
    const seconds = WAITS[Math.min(this.tries++, WAITS.length - 1)];
    this.dirty = true;
    this.#tell(state, seconds);
    this.#later(seconds * 1000);
  }

  #take({ revision, fields }) {
    if (this.dirty || revision <= Number(this.dataset.revision)) return;
    // A window from before an upgrade names the completions otherwise.
    const isOther = (name) => /^(rank|flag|note)-/.test(name) && !this.form.elements.namedItem(name);
    if (Object.keys(fields).some(isOther)) return this.#stale();
    this.dataset.revision = revision;
    this.board.fill(fields);
  }

  #seen() {
    if (document.hidden && this.dirty) this.#save();
    else if (!document.hidden) this.#keep();
  }

  async #keep() {
    if (this.dirty || this.busy) return;
    const data = this.#data();
    data.set("ahead", this.closest("rank-desk")?.ahead?.dataset.task ?? "");
    const answer = await this.#post(this.board.dataset.keep, data);
    if (this.controller.signal.aborted || !answer) return;
    const changed = answer.ok && (await answer.json()).revision > Number(this.dataset.revision);
    if ((changed && !this.dirty) || [404, 409].includes(answer.status)) this.#stale();
  }

  #post(address, data) {
    const headers = { "X-Requested-With": "rank-desk" };
    const body = new URLSearchParams(data);
    return fetch(address, { method: "POST", redirect: "manual", keepalive: true, headers, body }).catch(() => null);
  }

  #data() {
    const data = new FormData(this.form);
    data.set("draft_revision", this.dataset.revision);
    return data;
  }

  #stale() {
    this.dispatchEvent(new CustomEvent("desk:stale", { bubbles: true }));
  }

  #tell(state, seconds) {
    document.dispatchEvent(new CustomEvent("podium:state", { detail: { source: "draft", state, seconds } }));
  }
}

customElements.define("rank-draft", RankDraft);
