/* On a phone the cards stand side by side: the one that a finger brought into view is the chosen one. */
const STILL = 120; // ms without scrolling

class RankSwipe extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    const { form } = this.board;
    this.controller = new AbortController();
    const { signal } = this.controller;
    // What the board scrolls to by itself is chosen already: only a person's own movement chooses.
    for (const name of ["touchstart", "wheel", "pointerdown"]) {
      form.addEventListener(name, () => (this.byHand = true), { signal, passive: true });
    }
    document.addEventListener("keydown", () => (this.byHand = false), { signal });
    form.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
  }

  disconnectedCallback() {
    this.controller.abort();
    clearTimeout(this.timer);
  }

  #scrolled() {
    clearTimeout(this.timer);
    if (this.byHand) this.timer = setTimeout(() => this.#choose(), STILL);
  }

  #choose() {
    const { form, cards, current } = this.board;
    const middle = form.getBoundingClientRect().x + form.clientWidth / 2;
    const inMiddle = cards.find((card) => {
      const { left, right } = card.getBoundingClientRect();
      return left <= middle && middle <= right;
    });
    if (inMiddle && inMiddle !== current) this.board.select(inMiddle, { focus: false });
  }
}

customElements.define("rank-swipe", RankSwipe);
