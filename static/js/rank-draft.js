/*
 * Keeps what is chosen so far on the server, a moment after each change, and the lease with it. Windows on the same task
 * agree: in one browser by a channel at once, elsewhere by the draft's revision when someone comes back to the page.
 */
const PAUSE = 400; // ms after the last change
const HEARTBEAT = 4 * 60_000; // ms
const NO = "0"; // a flag that is not set, which a form doesn't send
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
    this.key = `podium-draft-${person}-${this.board.dataset.task}`;
    this.channel = new BroadcastChannel(this.key);
    this.channel.onmessage = ({ data }) => this.#take(data);
    for (const name of ["board:changed", "input"]) this.board.addEventListener(name, () => this.#changed(), { signal });
    document.addEventListener("podium:now", () => this.dirty && this.#save(), { signal });
    document.addEventListener("visibilitychange", () => this.#seen(), { signal });
    addEventListener("focus", () => this.#keep(), { signal });
    this.heartbeat = setInterval(() => document.hidden || this.#keep(), HEARTBEAT);
    this.#restore();
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
    if (this.key) storage((kept) => kept.removeItem(this.key));
    this.#tell("saved");
  }

  /* What was chosen in the moment before a reload, of which the server may not have heard yet. */
  #restore() {
    const { revision, fields } = JSON.parse(storage((kept) => kept.getItem(this.key)) ?? "{}");
    if (revision !== this.dataset.revision || this.#namesOthers(fields)) return;
    this.board.fill(fields, this.board.words.kept);
    this.#changed();
  }

  #changed() {
    this.dirty = true;
    this.#remember();
    this.#tell("saving");
    this.#later(PAUSE);
  }

  #remember() {
    const { csrfmiddlewaretoken, ...fields } = Object.fromEntries(new FormData(this.form));
    const { revision } = this.dataset;
    storage((kept) => kept.setItem(this.key, JSON.stringify({ revision, fields })));
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
    const said = answer?.ok || answer?.status === 409 ? await answer.json().catch(() => null) : null;
    this.busy = false; // only now: between the two nothing would say that there is something left to do
    // Even where the board was set aside meanwhile: it may come back.
    if (answer?.ok && said) this.#saved(said, data);
    else if (this.controller.signal.aborted) return;
    else if (answer?.status === 409 && said) this.#behind(said, data);
    else if (answer?.status === 404) this.#stale();
    else this.#failed(answer?.type === "opaqueredirect" || answer?.status === 403 ? "logged-out" : "failed");
  }

  #saved({ revision }, data) {
    this.tries = 0;
    this.dataset.revision = revision;
    if (this.controller.signal.aborted) return;
    this.channel.postMessage({ revision, fields: Object.fromEntries(data) });
    if (this.dirty) return;
    storage((kept) => kept.removeItem(this.key));
    this.#tell("saved");
  }

  #behind({ code, revision, fields }, sent) {
    if (code !== "draft_changed") return this.#stale();
    // What this tab sent as it was loaded again has arrived since: what was chosen after it goes on.
    const isOwn = Object.keys(fields).every((name) => name === "active_seconds" || fields[name] === (sent.get(name) ?? NO));
    if (isOwn) {
      this.dataset.revision = revision;
      this.dirty = true;
      this.#remember(); // with the newer revision, or a reload would take it for something older
      return this.#later(0);
    }
    this.dirty = false;
    storage((kept) => kept.removeItem(this.key));
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
    if (this.#namesOthers(fields)) return this.#stale();
    this.dataset.revision = revision;
    this.board.fill(fields);
  }

  /* Whether there are completions that the board has not: a window from before an upgrade names them otherwise. */
  #namesOthers(fields) {
    return Object.keys(fields).some((name) => /^(rank|flag|note)-/.test(name) && !this.form.elements.namedItem(name));
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

/* Where storage is closed or full, only the server keeps the draft. */
function storage(act) {
  try {
    return act(sessionStorage);
  } catch {
    return undefined;
  }
}

customElements.define("rank-draft", RankDraft);
