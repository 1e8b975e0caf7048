/* On a phone the cards stand side by side: the one that was swiped into view is the chosen one. */
class RankSwipe extends HTMLElement {
  connectedCallback() {
    const board = this.closest("rank-board");
    const swiped = (entries) => {
      const card = entries.find((entry) => entry.isIntersecting)?.target;
      const sideBySide = board.form.scrollWidth > board.form.clientWidth + 1;
      if (card && sideBySide && card !== board.current) board.select(card, { focus: false });
    };
    this.observer = new IntersectionObserver(swiped, { root: board.form, threshold: 0.6 });
    board.cards.forEach((card) => this.observer.observe(card));
  }

  disconnectedCallback() {
    this.observer.disconnect();
  }
}

customElements.define("rank-swipe", RankSwipe);
