/*
 * What is asked beyond an order: the line under which nothing is acceptable, ratings, comparisons, reasons. Their radio
 * buttons and checkboxes are the truth. Once all is ranked the first scale without an answer is marked, and digits answer
 * it: one attribute after the other, of A, B, C in turn. No answer is given without a key of the person.
 */
const isOpen = (scale) => !scale.querySelector("input:checked");

class RankAsks extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    if (this.wired) return; // set aside for an undo and back again
    this.wired = true;
    this.board.addEventListener("change", ({ target }) => this.#changed(target));
    this.board.addEventListener("board:changed", () => this.#placed());
    this.board.addEventListener("input", () => this.board.rail.showReady()); // a comment may be the justification
    this.#show();
    this.#mark(this.#next);
    if (!this.board.cards) return; // the board comes later, and asks what is left
    this.board.rail.showReady();
    this.board.status.again();
  }

  get lines() {
    return [...this.board.querySelectorAll(".scale--line input")];
  }

  /* Ratings by attribute, then by completion, in the order that the server gave; then comparisons. None of a rest. */
  get scales() {
    const cards = this.board.best ? this.board.cards.filter((card) => this.board.rankOf(card)) : this.board.cards;
    const ratings = cards.flatMap((card) => [...card.querySelectorAll(".scale--rating")]);
    ratings.sort((one, two) => one.dataset.attribute - two.dataset.attribute);
    return [...this.#order, ...ratings, ...this.board.querySelectorAll(".scale--comparison")];
  }

  /* The scale on which two are put in order, with its strength. */
  get #order() {
    return [...this.board.querySelectorAll(".scale--order")];
  }

  get marked() {
    return this.board.querySelector(".scale[data-marked]");
  }

  /* What must have an answer and has none. */
  get unsaid() {
    const line = [...this.board.querySelectorAll(".scale--line")];
    const scales = [...line, ...this.scales].filter(isOpen);
    const why = this.board.querySelector(".why[data-required]");
    const said = () => why.querySelector("input:checked") || this.board.querySelector("#comment textarea").value.trim();
    return why && !said() ? [...scales, why] : scales;
  }

  /* Answers the marked scale by the place of its step; where none is marked the digit is a rank. */
  digit(number) {
    const scale = this.marked;
    if (!scale) return false;
    const steps = scale.querySelectorAll("input");
    if (number > steps.length) this.board.status.say("too_far", { scale: steps.length });
    else this.#answer(steps[number - 1]);
    return true;
  }

  /* Along the scale of two; false where there is none, and arrows move a card. */
  move(step) {
    const steps = this.#order.flatMap((scale) => [...scale.querySelectorAll("input")]);
    const at = steps.findIndex((each) => each.checked);
    if (at < 0) return steps.length > 0;
    steps[Math.min(Math.max(at + step, 0), steps.length - 1)].click();
    return true;
  }

  /* The rest of the marked attribute the same as what was said last. */
  rest() {
    const { marked } = this;
    const same = this.scales.filter((scale) => scale.dataset.attribute === marked?.dataset.attribute);
    const said = same.slice(0, same.indexOf(marked)).at(-1)?.querySelector("input:checked");
    if (!marked || !said) return this.board.status.say("nothing_to_repeat");
    for (const scale of same.filter(isOpen)) scale.querySelector(`input[value="${said.value}"]`).checked = true;
    this.board.changed();
    this.board.status.say("rest", { value: said.value });
  }

  /* One slot lower or higher; the first time under the card that was placed last. */
  line(step) {
    const { lines } = this;
    if (!lines.length) return false;
    const at = lines.findIndex((line) => line.checked);
    const last = this.board.rankOf(this.board.placed.at(-1) ?? this.board.current);
    const to = at < 0 ? last : (at + step + lines.length) % lines.length;
    lines[to].click();
  }

  /* To the ratings, and from one to the next. */
  go() {
    const { scales, marked } = this;
    if (!scales.length) return false;
    this.#mark(scales[(scales.indexOf(marked) + 1) % scales.length]);
  }

  why() {
    const reason = this.board.querySelector(".why input");
    if (!reason) return false;
    reason.focus();
  }

  /* Opens the text of the best one to be written anew: the chosen card where it is ranked first. */
  rewrite() {
    const fold = this.board.querySelector("#rewrite");
    if (!fold) return false;
    const first = [this.board.current, ...this.board.cards].find((card) => this.board.rankOf(card) === 1);
    if (!first) return this.board.status.say("rank_first");
    const [of, text] = fold.querySelectorAll("select, textarea");
    const letter = of.selectedOptions[0].dataset.letter;
    if (!text.value.trim() || letter !== first.dataset.letter) {
      of.querySelector(`[data-letter="${first.dataset.letter}"]`).selected = true;
      if (!text.value.trim()) text.value = first.querySelector(".source").textContent;
    }
    fold.open = true;
    text.focus();
    this.board.changed();
  }

  leave() {
    this.#mark(null);
  }

  get #next() {
    if (this.board.unranked.length && !this.#order.length) return null;
    return this.scales.find(isOpen) ?? null;
  }

  #answer(input) {
    if (input.checked) this.#mark(this.#next);
    else input.click();
  }

  #changed(input) {
    const scale = input.closest(".scale");
    if (scale?.matches(".scale--line")) return this.#say(Number(input.value));
    if (scale) this.board.status.say("rated", { label: scale.dataset.label, value: input.getAttribute("aria-label") });
  }

  #say(rank) {
    this.board.status.say(rank === 0 ? "line_none" : rank === this.board.slots && !this.board.best ? "line_all" : "line", { rank });
  }

  #mark(scale) {
    if (scale === this.marked) return;
    this.marked?.removeAttribute("data-marked");
    if (!scale) return;
    scale.dataset.marked = "";
    const card = scale.closest(".completion");
    const byHand = document.activeElement?.closest(".scale") !== null; // who chooses step by step stays where they are
    if (card && card !== this.board.current) this.board.select(card, { focus: !byHand });
    if (!byHand) scale.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /* After the board chose a card: the one with the marked scale stays chosen. */
  #placed() {
    this.#show();
    queueMicrotask(() => this.#mark(this.#next));
  }

  #show() {
    const line = this.lines.find((each) => each.checked);
    for (const slot of this.board.querySelectorAll(".slot[data-slot]")) delete slot.dataset.line;
    if (!line) return;
    const under = this.board.querySelector(`.slot[data-slot="${Math.max(line.value, 1)}"]`);
    if (under) under.dataset.line = line.value === "0" ? "above" : "below";
  }
}

customElements.define("rank-asks", RankAsks);
