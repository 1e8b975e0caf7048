/*
 * Answers on their way to the server, kept in the browser until it has taken them: through a lost network, a restarting
 * server, a closed tab. Sending one twice is harmless, the server stores it once. Tells outbox:done and outbox:refused.
 */
const WAITS = [1, 2, 4, 8, 15, 30]; // s between tries
const TOO_LONG = 15_000; // ms for one try
const FINAL = [404, 409, 413, 422]; // the same again would be refused again

class RankOutbox extends HTMLElement {
  tries = 0;

  connectedCallback() {
    this.key = `podium-outbox-${this.closest("rank-desk").dataset.person}-`;
    this.store = this.querySelector("browser-store");
    this.server = document.querySelector("rank-server");
    this.entries = this.store.all(this.key).sort((one, two) => one.at - two.at);
    this.controller = new AbortController();
    const { signal } = this.controller;
    for (const [target, name] of [[document, "podium:now"], [window, "online"], [window, "focus"]]) {
      target.addEventListener(name, () => this.#now(), { signal });
    }
    this.#flush();
  }

  disconnectedCallback() {
    this.controller.abort();
    clearInterval(this.timer);
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

  #now() {
    if (!this.entries.length || this.sending) return;
    this.#wait(0);
  }

  async #flush() {
    while (this.entries.length && !this.sending && !this.timer) {
      this.#tell(this.tries ? "trying" : "saving");
      this.sending = this.#send(this.entries[0]);
      await this.sending;
    }
    if (!this.entries.length) this.#settle();
  }

  async #send(entry) {
    let answer = null;
    try {
      const data = `${entry.body}&csrfmiddlewaretoken=${this.server.token}`;
      answer = await this.server.post(entry.url, data, { signal: AbortSignal.timeout(TOO_LONG) });
      const said = answer.ok || FINAL.includes(answer.status) ? await answer.json().catch(() => ({})) : {};
      this.sending = null;
      if (answer.ok) return this.#finish("done", entry, said);
      if (FINAL.includes(answer.status)) return this.#finish("refused", entry, said);
    } catch {
      // No answer, or half of one: the server takes the same again.
    }
    this.sending = null;
    // A redirect leads to the login page; 403 is a form of a session that ended.
    const loggedOut = answer?.type === "opaqueredirect" || answer?.status === 403;
    this.#wait(WAITS[Math.min(this.tries++, WAITS.length - 1)], loggedOut ? "logged-out" : "failed");
  }

  #finish(how, entry, said) {
    this.tries = 0;
    this.#drop(entry.task);
    this.dispatchEvent(new CustomEvent(`outbox:${how}`, { bubbles: true, detail: { ...said, task: entry.task } }));
  }

  #wait(seconds, state = "failed") {
    clearInterval(this.timer);
    const tick = () => {
      if (seconds > 0) return this.#tell(state, seconds--);
      clearInterval(this.timer);
      this.timer = null;
      this.#flush();
    };
    this.timer = setInterval(tick, 1000);
    tick();
  }

  #settle() {
    clearInterval(this.timer);
    this.timer = null;
    this.#tell("saved");
  }

  #tell(state, seconds) {
    const detail = { source: "outbox", state, seconds };
    document.dispatchEvent(new CustomEvent("podium:state", { detail }));
  }

  #drop(task) {
    this.entries = this.entries.filter((entry) => entry.task !== task);
    this.store.drop(this.key + task);
  }
}

customElements.define("rank-outbox", RankOutbox);
