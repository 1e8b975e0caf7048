/*
 * The task after the one on the board: taken ahead, with a lease of its own, when every answer has arrived, so that a
 * person never holds more than two. When the page is closed it goes back to the others.
 */
const RETRY = 4_000; // ms until a failed look is tried again

class RankAhead extends HTMLElement {
  board = null;

  connectedCallback() {
    this.desk = this.closest("rank-desk");
    this.controller = new AbortController();
    addEventListener("pagehide", () => this.#leave(), { signal: this.controller.signal });
  }

  disconnectedCallback() {
    this.controller.abort();
    clearTimeout(this.timer);
  }

  async look() {
    clearTimeout(this.timer);
    const { desk } = this;
    const shown = desk.board;
    if (this.board || !shown?.dataset.ahead || desk.outbox.entries.length) return;
    try {
      const found = await desk.server.board(shown.dataset.ahead, { method: "POST" });
      if (desk.board === shown) this.board = found;
    } catch (error) {
      if (desk.board !== shown) return; // it was answered before this came
      if (error.cause === 409) return desk.load(); // what the board shows is somebody else's, or answered elsewhere
      this.timer = setTimeout(() => this.look(), RETRY);
    }
  }

  #leave() {
    if (!this.board) return;
    const body = new FormData();
    body.set("csrfmiddlewaretoken", this.desk.querySelector("[name=csrfmiddlewaretoken]").value);
    navigator.sendBeacon(this.dataset.leave.replace("/0/", `/${this.board.dataset.task}/`), body);
    this.board = null;
  }
}

customElements.define("rank-ahead", RankAhead);
