/*
 * Keeps what is chosen so far on the server, a moment after each change, and in the tab until the server has it. The
 * draft's revision says whether somebody chose something else meanwhile, in another window or browser.
 */
import { announce } from "announce";
import { post } from "ask-server";
import { isLoggedOut } from "logged-out";
import { Retry } from "retry";

const PAUSE = 400; // ms after the last change
const NO = "0"; // a flag that is not set, which a form doesn't send

class RankDraft extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    this.form = this.closest("form");
    this.copies = this.querySelector("rank-copies");
    customElements.upgrade(this.copies); // of a board just fetched it is upgraded last
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.retry = new Retry(() => this.#save(), signal);
    for (const name of ["board:changed", "input"]) this.board.addEventListener(name, () => this.#changed(), { signal });
    document.addEventListener("visibilitychange", () => document.hidden && this.dirty && this.#save(), { signal });
    if (this.copies.restore()) this.#changed();
  }

  /* The copy in the tab stays: the same task may come from the server before the server has what is sent here. */
  disconnectedCallback() {
    if (this.dirty) this.#save();
    this.#end();
  }

  /* The task was answered: nothing of it is a draft any more. */
  stop() {
    this.copies.drop();
    this.#end();
  }

  #end() {
    this.dirty = false;
    this.controller.abort();
    clearTimeout(this.timer);
    this.#tell("saved");
  }

  #changed() {
    this.dirty = true;
    this.copies.keep();
    this.#tell("saving");
    this.#later(PAUSE);
  }

  #later(milliseconds) {
    this.retry.stop();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#save(), milliseconds);
  }

  async #save() {
    this.retry.stop();
    clearTimeout(this.timer);
    if (this.busy) return this.#later(PAUSE);
    this.busy = true;
    this.dirty = false;
    const data = this.data();
    const answer = await this.post(this.dataset.address, data);
    const said = answer?.ok || answer?.status === 409 ? await answer.json().catch(() => null) : null;
    this.busy = false; // only now: between the two nothing would say that there is something left to do
    // Even where the board was set aside meanwhile: it may come back.
    if (answer?.ok && said) this.#saved(said, data);
    else if (this.controller.signal.aborted) return;
    else if (answer?.status === 409 && said) this.#behind(said, data);
    else if (answer?.status === 404) this.stale();
    else this.#failed(isLoggedOut(answer) ? "logged-out" : "failed");
  }

  #saved({ revision }, data) {
    this.retry.succeeded();
    this.dataset.revision = revision;
    if (this.controller.signal.aborted) return;
    this.copies.tell(revision, data);
    if (this.dirty) return;
    this.copies.drop();
    this.#tell("saved");
  }

  #behind({ code, revision, fields }, sent) {
    if (code !== "draft_changed") return this.stale();
    // What this tab sent as it was loaded again has arrived since: what was chosen after it goes on.
    const isOwn = Object.keys(fields).every((name) => name === "active_seconds" || fields[name] === (sent.get(name) ?? NO));
    if (isOwn) {
      this.dataset.revision = revision;
      this.dirty = true;
      this.copies.keep(); // with the newer revision, or a reload would take it for something older
      return this.#later(0);
    }
    this.dirty = false;
    this.copies.drop();
    this.copies.take({ revision, fields });
    this.#tell("saved");
  }

  #failed(state) {
    this.dirty = true;
    this.retry.later((seconds) => this.#tell(state, seconds));
  }

  post(address, data) {
    return post(address, data, { keepalive: true }).catch(() => null);
  }

  data() {
    const data = new FormData(this.form);
    data.set("draft_revision", this.dataset.revision);
    return data;
  }

  stale() {
    this.dispatchEvent(new CustomEvent("desk:stale", { bubbles: true }));
  }

  #tell(state, seconds) {
    announce("state", { source: "draft", state, seconds });
  }
}

customElements.define("rank-draft", RankDraft);
