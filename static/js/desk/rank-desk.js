/* The desk: one task on the board, the next one ready beside it. An answer goes to the outbox, the next task comes at once. */
import { announce } from "announce";
import { boardOf, get, post } from "ask-server";
import { withoutToken } from "csrf-token";
import { isLoggedOut } from "logged-out";
import { Retry } from "retry";

class RankDesk extends HTMLElement {
  connectedCallback() {
    this.stage = this.querySelector(".desk__task");
    this.outbox = this.querySelector("rank-outbox");
    this.ahead = this.querySelector("rank-ahead");
    this.offer = this.querySelector("undo-offer");
    this.controller = new AbortController();
    this.retry = new Retry(() => this.load(), this.controller.signal);
    this.channel = new BroadcastChannel(`podium-desk-${this.dataset.person}`);
    this.channel.onmessage = ({ data }) => data.gone === this.board?.dataset.task && this.load();
    this.addEventListener("submit", (event) => this.#submitted(event));
    this.addEventListener("outbox:done", ({ detail }) => this.#arrived(detail));
    this.addEventListener("outbox:refused", ({ detail }) => this.#refused(detail));
    this.addEventListener("desk:stale", () => this.load());
    if (this.outbox.holds(this.board.dataset.task)) this.#wait(); // ranked before the page was closed, and on its way
    else this.#lookAhead();
  }

  disconnectedCallback() {
    this.channel.close();
    this.controller.abort();
  }

  get board() {
    return this.stage.querySelector("rank-board");
  }

  /* The person's task as the server has it now: after a change elsewhere, or when none was ready. */
  async load() {
    if (this.outbox.entries.length) return this.#wait();
    this.retry.stop();
    this.ahead.board = null;
    const board = await boardOf(get(this.dataset.rank)).catch((error) => error);
    if (isLoggedOut(board?.cause)) return this.#leave();
    if (board instanceof Error) return this.retry.later();
    this.retry.succeeded();
    if (board) this.#show(board);
    else this.#leave();
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
    const data = withoutToken(new FormData(form));
    const stops = form.id !== "ranking";
    if (stops && !data.get("reason") && !data.get("other")?.trim()) return form.querySelector("[name=other]").focus();
    const { task } = this.board.dataset;
    this.board.querySelector("rank-draft").stop();
    this.#say("");
    this.querySelector(".first-time")?.remove();
    this.outbox.add({ task, url: form.action, body: new URLSearchParams(data).toString() });
    this.offer.sent(this.board);
    if (this.ahead.board) this.#show(this.ahead.board);
    else this.#wait();
  }

  #show(board, words = "next", next = null) {
    this.ahead.board = next;
    this.stage.replaceChildren(board);
    this.#waiting(false);
    scrollTo(0, 0);
    this.board.status.say(words);
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

  #lookAhead() {
    this.retry.stop();
    this.ahead.look();
  }

  #arrived({ task, said, undo, undo_seconds, today, seconds }) {
    this.channel.postMessage({ gone: task });
    if (said) this.offer.arrived({ task, said, address: undo, seconds: undo_seconds });
    announce("pace", { today, seconds });
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
    const unsent = await this.offer.accept(this.outbox);
    const board = unsent ?? (await boardOf(post(this.offer.address || address)).catch((error) => error));
    if (isLoggedOut(board?.cause)) return this.#leave();
    if (board instanceof Error) return this.#say(board.message);
    this.#show(board, "taken_back", begun);
  }

  /* The page itself says why there is no board; without a session it is the login page, which leads back. */
  #leave() {
    location.assign(this.dataset.rank);
  }

  #say(words) {
    const error = this.querySelector("#error");
    error.textContent = words;
    error.hidden = !words;
  }
}

customElements.define("rank-desk", RankDesk);
