/*
 * The desk: one task on the board, the next one ready beside it. An answer goes to the outbox and the next task comes at
 * once; a task is asked for ahead only when every answer has arrived, so that a person never holds more than two.
 */
const RETRY = 4_000; // ms until a failed look ahead is tried again

class RankDesk extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector(".desk__task");
    this.outbox = this.querySelector("rank-outbox");
    this.offer = this.querySelector("undo-offer");
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.channel = new BroadcastChannel(`podium-desk-${this.dataset.person}`);
    this.channel.onmessage = ({ data }) => data.gone === this.board?.dataset.task && this.load();
    this.addEventListener("submit", (event) => this.#submitted(event));
    this.addEventListener("outbox:done", ({ detail }) => this.#arrived(detail));
    this.addEventListener("outbox:refused", ({ detail }) => this.#refused(detail));
    this.addEventListener("desk:stale", () => this.load());
    addEventListener("pagehide", () => this.#leave(), { signal });
    if (this.outbox.holds(this.board.dataset.task)) this.#wait(); // ranked before the page was closed, and on its way
    else this.#lookAhead();
  }

  disconnectedCallback() {
    this.controller.abort();
    this.channel.close();
    clearTimeout(this.timer);
  }

  get board() {
    return this.stage.querySelector("rank-board");
  }

  /* The person's task as the server has it now: after a change elsewhere, or when none was ready. */
  async load() {
    if (this.outbox.entries.length) return this.#wait();
    this.ahead = null;
    const board = await this.#fetch(this.dataset.rank).catch(() => undefined);
    if (board) this.#show(board);
    else if (board === null) location.assign(this.dataset.rank); // nothing to do: the page says why
    else this.timer = setTimeout(() => this.load(), RETRY);
  }

  #submitted(event) {
    const form = event.target;
    if (event.defaultPrevented) return;
    if (form.closest("undo-offer")) {
      event.preventDefault();
      return this.#undo(form.action);
    }
    if (!form.closest("rank-board")) return;
    event.preventDefault();
    const data = new FormData(form);
    const stops = form.id !== "ranking";
    if (stops && !data.get("reason") && !data.get("other")?.trim()) return form.querySelector("[name=other]").focus();
    data.delete("csrfmiddlewaretoken");
    const { task } = this.board.dataset;
    this.kept = stops ? null : this.board;
    this.board.querySelector("rank-draft").stop();
    this.#say("");
    this.querySelector(".first-time")?.remove();
    this.outbox.add({ task, url: form.action, body: new URLSearchParams(data).toString() });
    this.offer.sent(stops ? "" : task);
    if (this.ahead) this.#show(this.ahead);
    else this.#wait();
  }

  #show(board, words = "next") {
    this.ahead = null;
    this.stage.replaceChildren(board);
    this.#waiting(false);
    scrollTo(0, 0);
    this.board.say(this.board.words[words]);
    this.#lookAhead();
  }

  #wait() {
    this.stage.replaceChildren();
    this.#waiting(true);
    if (!this.outbox.entries.length) this.load();
  }

  #waiting(waits) {
    this.querySelector(".desk__waiting").hidden = !waits;
    this.stage.setAttribute("aria-busy", String(waits));
  }

  async #lookAhead() {
    clearTimeout(this.timer);
    const { board } = this;
    if (this.ahead || !board?.dataset.ahead || this.outbox.entries.length) return;
    try {
      const found = await this.#fetch(board.dataset.ahead, { method: "POST" });
      if (this.board === board) this.ahead = found;
    } catch (error) {
      if (error.cause === 409) return this.load(); // what the board shows is somebody else's, or answered elsewhere
      this.timer = setTimeout(() => this.#lookAhead(), RETRY);
    }
  }

  #arrived({ task, said, undo, undo_seconds, today, seconds }) {
    this.channel.postMessage({ gone: task });
    if (said) this.offer.arrived({ task, said, address: undo, seconds: undo_seconds });
    document.dispatchEvent(new CustomEvent("podium:pace", { detail: { today, seconds } }));
    if (this.board) this.#lookAhead();
    else this.load();
  }

  #refused({ detail }) {
    this.offer.hidden = true;
    this.#say(detail ?? "");
    this.load();
  }

  /* Takes the last answer back; the task that was begun meanwhile waits as the next one. */
  async #undo(address) {
    const begun = this.board;
    const unsent = this.offer.task && (await this.outbox.take(this.offer.task));
    this.offer.hidden = true;
    if (unsent) this.#show(this.kept, "taken_back");
    else {
      const board = await this.#fetch(this.offer.address || address, { method: "POST" }).catch((error) => error);
      if (board instanceof Error) return this.#say(board.message);
      this.#show(board, "taken_back");
    }
    if (begun) this.ahead = begun;
  }

  /* A board from the server; null where it has none. */
  async #fetch(address, options = {}) {
    const headers = { "X-Requested-With": "rank-desk", "X-CSRFToken": this.querySelector("[name=csrfmiddlewaretoken]").value };
    const answer = await fetch(address, { ...options, headers, redirect: "error" });
    if (answer.status === 204) return null;
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? "", { cause: answer.status });
    const pace = answer.headers.get("X-Pace"); // an answer that was taken back counts no more
    if (pace) document.dispatchEvent(new CustomEvent("podium:pace", { detail: JSON.parse(pace) }));
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    return template.content.querySelector("rank-board");
  }

  #say(words) {
    const error = this.querySelector("#error");
    error.textContent = words;
    error.hidden = !words;
  }

  /* The page is being closed: what was taken ahead goes back to the others. */
  #leave() {
    if (!this.ahead) return;
    const body = new FormData();
    body.set("csrfmiddlewaretoken", this.querySelector("[name=csrfmiddlewaretoken]").value);
    navigator.sendBeacon(this.dataset.leave.replace("/0/", `/${this.ahead.dataset.task}/`), body);
    this.ahead = null;
  }
}

customElements.define("rank-desk", RankDesk);
