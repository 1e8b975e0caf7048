/*
 * The task after the one on the board: taken ahead, with a lease of its own, when every answer has arrived, so that a
 * person never holds more than two. When the page is closed it goes back to the others.
 */
import { boardOf, post } from "ask-server";
import { withToken } from "csrf-token";
import { Retry } from "retry";

class RankAhead extends HTMLElement {
  board = null;

  connectedCallback() {
    this.desk = this.closest("rank-desk");
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.retry = new Retry(() => this.look(), signal);
    addEventListener("pagehide", () => this.#leave(), { signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  async look() {
    this.retry.stop();
    const { desk } = this;
    const shown = desk.board;
    if (this.board || !shown?.dataset.ahead || desk.outbox.entries.length) return;
    try {
      const board = await boardOf(post(shown.dataset.ahead));
      this.retry.succeeded();
      if (desk.board === shown) this.board = board;
    } catch (error) {
      if (desk.board !== shown) return; // it was answered before this came
      if (error.cause?.status === 409) return desk.load(); // what the board shows is somebody else's, or answered elsewhere
      this.retry.later();
    }
  }

  #leave() {
    if (!this.board) return;
    navigator.sendBeacon(this.dataset.leave.replace("/0/", `/${this.board.dataset.task}/`), withToken(new FormData()));
    this.board = null;
  }
}

customElements.define("rank-ahead", RankAhead);
