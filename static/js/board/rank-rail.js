/*
 * The rail: chips on slots 1..K and in the pool, which show the ranks of the board's cards, and the button that submits.
 * A click on a slot places the chosen card; what is missing is said before anything is sent.
 */
class RankRail extends HTMLElement {
  connectedCallback() {
    if (this.board) return; // set aside for an undo and back again
    this.board = this.closest("rank-board");
    this.submit = this.querySelector(".rail__submit");
    this.addEventListener("click", ({ target }) => this.#clicked(target));
    this.submit.form.noValidate = true; // #submitting says it better
    this.submit.form.addEventListener("submit", (event) => this.#submitting(event));
  }

  chip(card) {
    return this.querySelector(`.chip[data-letter="${card.dataset.letter}"]`);
  }

  /* Moves the cards' chips to where their ranks say, in letter order, and lets the eye follow. */
  show(cards) {
    this.showReady();
    if (!this.querySelector(".slot")) return; // one text alone, or two on a scale
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const card of cards) {
      const chip = this.chip(card);
      const home = this.querySelector(`.slot[data-slot="${this.board.rankOf(card) || ""}"] .slot__chips`);
      const before = chip.getBoundingClientRect();
      const next = [...home.children].find((other) => other !== chip && other.dataset.letter > chip.dataset.letter);
      if (chip.parentNode !== home || chip.nextElementSibling !== (next ?? null)) home.insertBefore(chip, next ?? null);
      if (cards.length > 1) continue;
      this.#reveal(home);
      if (still) continue;
      const after = chip.getBoundingClientRect();
      const from = `translate(${before.x - after.x}px, ${before.y - after.y}px)`;
      const pointerEvents = ["none", "none"]; // on its way over other slots it must not catch their clicks
      chip.animate({ transform: [from, "none"], pointerEvents }, { duration: 120, easing: "ease-out" });
    }
  }

  showReady() {
    const open = this.board.unranked.length > 0 || this.board.unanswered.length > 0 || this.board.unsaid.length > 0;
    this.submit.setAttribute("aria-disabled", String(open));
  }

  /* Brings a slot into sight where they are many, inside the rail alone: the texts stand still. */
  #reveal(home) {
    const rail = this.closest(".rail");
    const strip = home.closest(".rail__slots") ?? home; // on a phone
    const [slot, high, wide] = [home.closest(".slot"), rail, strip].map((part) => part.getBoundingClientRect());
    const foot = Math.min(high.bottom, this.querySelector("rank-status").getBoundingClientRect().top - 8); // its ring
    rail.scrollTop += Math.max(slot.bottom - foot, 0) + Math.min(slot.top - high.top, 0);
    strip.scrollLeft += Math.max(slot.right - wide.right, 0) + Math.min(slot.left - wide.left, 0);
  }

  #clicked(target) {
    const { board } = this;
    const chip = target.closest(".chip");
    if (chip) return board.select(board.card(chip.dataset.letter));
    const slot = target.closest(".slot");
    if (slot?.dataset.slot) return board.place(board.current, Number(slot.dataset.slot), { advance: true });
    if (slot && board.rankOf(board.current)) board.takeBack(board.current);
  }

  #submitting(event) {
    const { best, status, unanswered, unranked, unsaid } = this.board;
    if (!unranked.length && !unanswered.length && !unsaid.length) return;
    event.preventDefault();
    if (!unranked.length && !unanswered.length) {
      unsaid[0].scrollIntoView({ block: "nearest" });
      return status.say("unsaid", { labels: unsaid.map((ask) => ask.dataset.label).join(", ") });
    }
    this.board.select(unranked[0] ?? unanswered[0].closest(".completion"));
    const letters = unranked.map((card) => card.dataset.letter).join(", ");
    if (unranked.length) status.say(best ? "missing_best" : "missing", { letters, best });
    else status.say("unanswered", { labels: unanswered.map((question) => question.dataset.label).join(", ") });
  }
}

customElements.define("rank-rail", RankRail);
