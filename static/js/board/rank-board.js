/*
 * The ranking board. The radio buttons of the cards are the truth, so the form sends the same with and without this file;
 * rail and status show and say it. Elements inside it (keys, drag, draft, texts) call place(), select() and the rest,
 * and hear of changes by the event board:changed.
 */
class RankBoard extends HTMLElement {
  placed = []; // cards in the order in which they were placed, for takeBack()

  connectedCallback() {
    if (this.cards) return; // set aside for an undo and back again, with all that was chosen
    this.cards = [...this.querySelectorAll(".completion")];
    this.form = this.querySelector("form.board__cards");
    this.slots = Number(this.dataset.ranks);
    this.best = Number(this.dataset.best); // how many at least are ranked, where the rest may stay below; else 0
    this.rail = this.querySelector("rank-rail");
    this.status = this.querySelector("rank-status");
    for (const part of [this.rail, this.status]) customElements.upgrade(part); // of a board just fetched they are last
    this.addEventListener("change", ({ target }) => this.#changed(target));
    for (const name of ["click", "focusin"]) this.addEventListener(name, ({ target }) => this.#focused(target));
    this.rail.show(this.cards);
    this.select(this.unranked[0] ?? this.cards[0], { focus: false });
    this.status.say(this.form.querySelector("[type=radio]:checked:not([value=''])") ? "kept" : "");
  }

  get current() {
    return this.cards.find((card) => "current" in card.dataset);
  }

  /* Those that need a place yet: none, once the best have one and the rest may stay below. */
  get unranked() {
    const open = this.cards.filter((card) => !this.rankOf(card));
    return this.best && this.cards.length - open.length >= this.best ? [] : open;
  }

  /* How many places are to be given yet. */
  get toGo() {
    const open = this.unranked.length;
    return open && this.best ? open - (this.cards.length - this.best) : open;
  }

  card(letter) {
    return this.cards.find((card) => card.dataset.letter === letter);
  }

  /* The questions of a classification that have no answer yet. */
  get unanswered() {
    return [...this.form.querySelectorAll(".question")].filter((question) => !question.querySelector("input:checked"));
  }

  /* What else the project asks and has no answer yet. */
  get unsaid() {
    return this.querySelector("rank-asks")?.unsaid ?? [];
  }

  /* A text that stands alone has no places, and is the first. */
  rankOf(card) {
    if (this.cards.length === 1) return 1;
    const scale = this.querySelector(".scale--order");
    if (scale) return rankOnScale(scale.querySelector("input:checked")?.value, this.cards.indexOf(card) === 0);
    return Number(card.querySelector(".place input:checked")?.value ?? 0);
  }

  select(card, { focus = true } = {}) {
    for (const part of this.querySelectorAll("[data-current]")) delete part.dataset.current;
    card.dataset.current = "";
    const chip = this.rail.chip(card);
    if (chip) chip.dataset.current = "";
    this.dispatchEvent(new CustomEvent("board:selected"));
    if (!focus) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /* Puts a card into a slot; `advance` goes on to the next unranked card. */
  place(card, slot, { advance = false } = {}) {
    if (slot < 1 || slot > this.slots) return this.status.say("slots", { slots: this.slots });
    card.querySelector(`.place input[value="${slot}"]`).checked = true;
    this.#afterPlacing(card);
    const next = this.cards.slice(this.cards.indexOf(card)).find((other) => !this.rankOf(other)) ?? this.unranked[0];
    this.select(advance && next ? next : card);
  }

  /* Back to the pool: this card, or the one placed last where this one is not placed. */
  takeBack(card) {
    const back = this.rankOf(card) ? card : this.placed.at(-1);
    if (!back) return;
    (back.querySelector(".place input:checked") ?? this.querySelector(".scale--order input:checked")).checked = false;
    this.select(back);
    this.#afterTaking(back);
  }

  /* Takes over what was chosen in another window, or here before a reload; says so where it is something else. */
  fill(fields, words = "elsewhere") {
    const chosen = () => new URLSearchParams(new FormData(this.form)).toString();
    const before = chosen();
    for (const element of this.form.elements) {
      const said = fields[element.name] ?? "";
      if (["radio", "checkbox"].includes(element.type)) element.checked = said === element.value;
      else if (/^(text|select)/.test(element.type) && element !== document.activeElement) element.value = said;
    }
    this.placed = this.cards.filter((card) => this.rankOf(card));
    this.rail.show(this.cards);
    if (this.rankOf(this.current) && this.unranked.length) this.select(this.unranked[0], { focus: false });
    if (chosen() !== before) this.status.say(words);
  }

  /* Something was chosen or taken back. */
  changed() {
    this.rail.showReady();
    this.dispatchEvent(new CustomEvent("board:changed", { bubbles: true }));
  }

  #changed(input) {
    const card = input.matches(".place input") && input.closest(".completion");
    if (card && this.rankOf(card)) this.#afterPlacing(card);
    else if (card) this.#afterTaking(card);
    else this.changed();
  }

  #afterTaking(card) {
    this.placed = this.placed.filter((other) => other !== card);
    this.rail.show([card]);
    this.status.say("back", { letter: card.dataset.letter });
    this.changed();
  }

  #afterPlacing(card) {
    this.placed = [...this.placed.filter((other) => other !== card), card];
    this.rail.show([card]);
    const rank = this.rankOf(card);
    const tied = this.cards.filter((other) => other !== card && this.rankOf(other) === rank);
    const others = tied.map((other) => other.dataset.letter).join(", ");
    this.status.say(others ? "tied" : "placed", { letter: card.dataset.letter, rank, others });
    this.changed();
  }

  #focused(target) {
    const card = target.closest(".completion");
    if (card && card !== this.current) this.select(card, { focus: false });
  }
}

/* Of two on one scale: 3 is the first much better, -3 the second, 0 a tie. */
function rankOnScale(value, isFirst) {
  if (value === undefined) return 0;
  return Number(value) === 0 || Number(value) > 0 === isFirst ? 1 : 2;
}

customElements.define("rank-board", RankBoard);
