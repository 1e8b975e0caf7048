/*
 * Answers on their way to the server, kept in the browser until it has taken them: through a lost network, a restarting
 * server, a closed tab. Sending one twice is harmless, the server stores it once. Tells outbox:done and outbox:refused.
 */
import { announce } from "announce";
import { post } from "ask-server";
import { BrowserStore } from "browser-store";
import { isLoggedOut } from "logged-out";
import { Retry } from "retry";

const TOO_LONG = 15_000; // ms for one try
const FINAL = [404, 409, 413, 422]; // the same again would be refused again

class RankOutbox extends HTMLElement {
  store = new BrowserStore("local");
  connectedCallback() {
    this.key = `podium-outbox-${this.closest("rank-desk").dataset.person}-`;
    this.entries = this.store.all(this.key).sort((one, two) => one.at - two.at);
    this.controller = new AbortController();
    this.retry = new Retry(() => this.#flush(), this.controller.signal);
    this.#flush();
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  holds(task) {
    return this.entries.some((entry) => entry.task === task);
  }

  add(entry) {
    this.entries.push(entry);
    // A key for each answer, so that two tabs don't write over each other's.
    this.store.write(this.key + entry.task, { ...entry, at: Date.now() });
    this.#flush();
  }

  /* Takes an answer back that was not sent yet. An answer on its way is waited for first. */
  async take(task) {
    if (this.sending) await this.sending;
    const held = this.holds(task);
    this.#drop(task);
    if (!this.entries.length) this.#settle();
    return held;
  }

  async #flush() {
    while (this.entries.length && !this.sending && !this.retry.waiting) {
      this.#tell(this.retry.again ? "trying" : "saving");
      this.sending = this.#send(this.entries[0]);
      await this.sending;
    }
    if (!this.entries.length) this.#settle();
  }

  async #send(entry) {
    let answer = null;
    try {
      answer = await post(entry.url, entry.body, { signal: AbortSignal.timeout(TOO_LONG) });
      const said = answer.ok || FINAL.includes(answer.status) ? await answer.json().catch(() => ({})) : {};
      this.sending = null;
      if (answer.ok) return this.#finish("done", entry, said);
      if (FINAL.includes(answer.status)) return this.#finish("refused", entry, said);
    } catch {
      // No answer, or half of one: the server takes the same again.
    }
    this.sending = null;
    const state = isLoggedOut(answer) ? "logged-out" : "failed";
    this.retry.later((seconds) => this.#tell(state, seconds));
  }

  #finish(how, entry, said) {
    this.retry.succeeded();
    this.#drop(entry.task);
    this.dispatchEvent(new CustomEvent(`outbox:${how}`, { bubbles: true, detail: { ...said, task: entry.task } }));
  }

  #settle() {
    this.retry.stop();
    this.#tell("saved");
  }

  #tell(state, seconds) {
    announce("state", { source: "outbox", state, seconds });
  }

  #drop(task) {
    this.entries = this.entries.filter((entry) => entry.task !== task);
    this.store.drop(this.key + task);
  }
}

customElements.define("rank-outbox", RankOutbox);
