/*
 * The ranking board. The radio buttons of the cards are the truth; chips on the rail only show it, so the form sends the
 * same with and without this file. <rank-keys> and <rank-drag> inside it call place(), move(), select() and the rest.
 */
class RankBoard extends HTMLElement {
  placed = []; // cards in the order in which they were placed, for takeBack()

  connectedCallback() {
    this.cards = [...this.querySelectorAll(".completion")];
    this.form = this.querySelector("form.board__cards");
    this.status = this.querySelector(".rail__status");
    this.slots = Number(this.dataset.slots);
    this.addEventListener("change", (event) => this.#changed(event));
    this.addEventListener("click", (event) => this.#clicked(event));
    this.form.noValidate = true; // #submitting says it better
    this.form.addEventListener("submit", (event) => this.#submitting(event));
    this.cards.forEach((card) => this.#show(card));
    this.select(this.unranked[0] ?? this.cards[0], { focus: false });
    this.say(this.unranked.length < this.cards.length ? "What you chose is kept." : "");
  }

  get current() {
    return this.cards.find((card) => "current" in card.dataset);
  }

  get unranked() {
    return this.cards.filter((card) => !this.rankOf(card));
  }

  card(letter) {
    return this.cards.find((card) => card.dataset.letter === letter);
  }

  rankOf(card) {
    return Number(card.querySelector(".place input:checked")?.value ?? 0);
  }

  select(card, { focus = true } = {}) {
    for (const part of this.querySelectorAll("[data-current]")) delete part.dataset.current;
    card.dataset.current = "";
    this.#chip(card).dataset.current = "";
    if (!focus) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  selectBeside(step) {
    const place = this.cards.indexOf(this.current) + step;
    this.select(this.cards[Math.min(Math.max(place, 0), this.cards.length - 1)]);
  }

  /* Puts a card into a slot; `advance` goes on to the next unranked card. */
  place(card, slot, { advance = false } = {}) {
    if (slot < 1 || slot > this.slots) return this.say(`There are ${this.slots} slots.`);
    card.querySelector(`.place input[value="${slot}"]`).checked = true;
    this.#afterPlacing(card);
    const next = this.cards.slice(this.cards.indexOf(card)).find((other) => !this.rankOf(other)) ?? this.unranked[0];
    this.select(advance && next ? next : card);
  }

  move(card, step) {
    const rank = this.rankOf(card);
    if (!rank) return this.say(`${card.dataset.letter} is not placed yet: type 1 to ${this.slots}.`);
    this.place(card, Math.min(Math.max(rank + step, 1), this.slots));
  }

  /* Back to the pool: this card, or the one placed last where this one is not placed. */
  takeBack(card) {
    const back = this.rankOf(card) ? card : this.placed.at(-1);
    if (!back) return;
    back.querySelector(".place input:checked").checked = false;
    this.placed = this.placed.filter((other) => other !== back);
    this.#show(back);
    this.select(back);
    this.say(`${back.dataset.letter} is unranked again.`);
  }

  submit() {
    this.form.requestSubmit();
  }

  say(words) {
    const left = this.unranked.length;
    this.status.textContent = `${words} ${left ? `${left} to go.` : "All placed."}`.trim();
  }

  #afterPlacing(card) {
    this.placed = [...this.placed.filter((other) => other !== card), card];
    this.#show(card);
    const rank = this.rankOf(card);
    const tied = this.cards.filter((other) => other !== card && this.rankOf(other) === rank);
    const with_ = tied.length ? `, tied with ${tied.map((other) => other.dataset.letter).join(", ")}` : "";
    this.say(`${card.dataset.letter} is in slot ${rank}${with_}.`);
  }

  /* Moves the card's chip to where its rank says, in letter order, and lets the eye follow. */
  #show(card) {
    const chip = this.#chip(card);
    const home = this.querySelector(`.slot[data-slot="${this.rankOf(card) || ""}"] .slot__chips`);
    const before = chip.getBoundingClientRect();
    const next = [...home.children].find((other) => other !== chip && other.dataset.letter > chip.dataset.letter);
    home.insertBefore(chip, next ?? null);
    this.querySelector(".rail__submit").setAttribute("aria-disabled", String(this.unranked.length > 0));
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const after = chip.getBoundingClientRect();
    const from = `translate(${before.x - after.x}px, ${before.y - after.y}px)`;
    chip.animate([{ transform: from }, { transform: "none" }], { duration: 120, easing: "ease-out" });
  }

  #chip(card) {
    return this.querySelector(`.chip[data-letter="${card.dataset.letter}"]`);
  }

  #changed(event) {
    if (!event.target.matches(".place input")) return;
    this.#afterPlacing(event.target.closest(".completion"));
  }

  #clicked({ target }) {
    const chip = target.closest(".chip");
    if (chip) return this.select(this.card(chip.dataset.letter));
    const slot = target.closest(".rail__slots .slot");
    if (slot) return this.place(this.current, Number(slot.dataset.slot), { advance: true });
    const card = target.closest(".completion");
    if (card) this.select(card, { focus: false });
  }

  #submitting(event) {
    const left = this.unranked;
    if (!left.length) return;
    event.preventDefault();
    this.select(left[0]);
    this.say(`${left.map((card) => card.dataset.letter).join(", ")} not placed yet.`);
  }
}

customElements.define("rank-board", RankBoard);
