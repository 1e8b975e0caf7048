/*
 * The ranking board. The radio buttons of the cards are the truth; chips on the rail only show it, so the form sends the
 * same with and without this file. Elements inside it (keys, drag, draft, texts) call place(), move(), select() and the
 * rest, and hear of changes by the event board:changed. Its words come from the server in data-says.
 */
class RankBoard extends HTMLElement {
  placed = []; // cards in the order in which they were placed, for takeBack()

  connectedCallback() {
    if (this.cards) return; // set aside for an undo and back again, with all that was chosen
    this.cards = [...this.querySelectorAll(".completion")];
    this.words = JSON.parse(this.dataset.says);
    this.form = this.querySelector("form.board__cards");
    this.status = this.querySelector(".rail__status");
    this.slots = Number(this.dataset.slots);
    this.addEventListener("change", (event) => this.#changed(event));
    this.addEventListener("click", (event) => this.#clicked(event));
    this.addEventListener("focusin", ({ target }) => this.#focused(target.closest(".completion")));
    this.form.noValidate = true; // #submitting says it better
    this.form.addEventListener("submit", (event) => this.#submitting(event));
    this.show();
    this.select(this.unranked[0] ?? this.cards[0], { focus: false });
    this.say(this.form.querySelector("[type=radio]:checked") ? this.words.kept : "");
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

  chip(card) {
    return this.querySelector(`.chip[data-letter="${card.dataset.letter}"]`);
  }

  /* The questions of a classification that have no answer yet. */
  get unanswered() {
    return [...this.form.querySelectorAll(".question")].filter((question) => !question.querySelector("input:checked"));
  }

  /* A text that stands alone has no places, and is the first. */
  rankOf(card) {
    if (this.slots === 1) return 1;
    return Number(card.querySelector(".place input:checked")?.value ?? 0);
  }

  /* A sentence of the server's with its {names} filled in. */
  sentence(name, values) {
    return this.words[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  }

  select(card, { focus = true } = {}) {
    for (const part of this.querySelectorAll("[data-current]")) delete part.dataset.current;
    card.dataset.current = "";
    if (this.slots > 1) this.chip(card).dataset.current = "";
    this.dispatchEvent(new CustomEvent("board:selected"));
    if (!focus) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  selectBeside(step) {
    const inView = [...this.form.querySelectorAll(".completion")]; // the order on the screen, which may be the person's
    const place = inView.indexOf(this.current) + step;
    this.select(inView[Math.min(Math.max(place, 0), inView.length - 1)]);
  }

  /* Puts a card into a slot; `advance` goes on to the next unranked card. */
  place(card, slot, { advance = false } = {}) {
    if (slot < 1 || slot > this.slots) return this.say(this.sentence("slots", { slots: this.slots }));
    card.querySelector(`.place input[value="${slot}"]`).checked = true;
    this.#afterPlacing(card);
    const next = this.cards.slice(this.cards.indexOf(card)).find((other) => !this.rankOf(other)) ?? this.unranked[0];
    this.select(advance && next ? next : card);
  }

  move(card, step) {
    const rank = this.rankOf(card);
    if (!rank) return this.say(this.sentence("unplaced", { letter: card.dataset.letter, slots: this.slots }));
    this.place(card, Math.min(Math.max(rank + step, 1), this.slots));
  }

  /* Back to the pool: this card, or the one placed last where this one is not placed. */
  takeBack(card) {
    const back = this.rankOf(card) ? card : this.placed.at(-1);
    if (!back) return;
    back.querySelector(".place input:checked").checked = false;
    this.placed = this.placed.filter((other) => other !== back);
    this.show([back]);
    this.select(back);
    this.say(this.sentence("back", { letter: back.dataset.letter }));
    this.changed();
  }

  /* Takes over what was chosen in another window, or here before a reload; says so where it is something else. */
  fill(fields, words = this.words.elsewhere) {
    const chosen = () => new URLSearchParams(new FormData(this.form)).toString();
    const before = chosen();
    for (const element of this.form.elements) {
      const said = fields[element.name] ?? "";
      if (["radio", "checkbox"].includes(element.type)) element.checked = said === element.value;
      else if (element.type.startsWith("text") && element !== document.activeElement) element.value = said;
    }
    this.placed = this.cards.filter((card) => this.rankOf(card));
    this.show();
    if (this.rankOf(this.current) && this.unranked.length) this.select(this.unranked[0], { focus: false });
    if (chosen() !== before) this.say(words);
  }

  say(words) {
    this.status.textContent = `${words} ${this.#toDo()}`.trim();
  }

  /* Something was chosen or taken back. */
  changed() {
    this.#showReady();
    this.dispatchEvent(new CustomEvent("board:changed", { bubbles: true }));
  }

  /* Moves the cards' chips to where their ranks say, in letter order, and lets the eye follow. */
  show(cards = this.cards) {
    this.#showReady();
    if (this.slots === 1) return;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    for (const card of cards) {
      const chip = this.chip(card);
      const home = this.querySelector(`.slot[data-slot="${this.rankOf(card) || ""}"] .slot__chips`);
      const before = chip.getBoundingClientRect();
      const next = [...home.children].find((other) => other !== chip && other.dataset.letter > chip.dataset.letter);
      if (chip.parentNode !== home || chip.nextElementSibling !== (next ?? null)) home.insertBefore(chip, next ?? null);
      if (still || cards.length > 1) continue;
      const after = chip.getBoundingClientRect();
      const from = `translate(${before.x - after.x}px, ${before.y - after.y}px)`;
      const pointerEvents = ["none", "none"]; // on its way over other slots it must not catch their clicks
      chip.animate({ transform: [from, "none"], pointerEvents }, { duration: 120, easing: "ease-out" });
    }
  }

  #showReady() {
    const open = this.unranked.length > 0 || this.unanswered.length > 0;
    this.querySelector(".rail__submit").setAttribute("aria-disabled", String(open));
  }

  #toDo() {
    if (this.unranked.length) return this.sentence("left", { n: this.unranked.length });
    if (this.unanswered.length) return this.sentence("questions", { n: this.unanswered.length });
    return this.form.querySelector(".question") ? this.words.answered : this.words.all;
  }

  #afterPlacing(card) {
    this.placed = [...this.placed.filter((other) => other !== card), card];
    this.show([card]);
    const rank = this.rankOf(card);
    const tied = this.cards.filter((other) => other !== card && this.rankOf(other) === rank);
    const others = tied.map((other) => other.dataset.letter).join(", ");
    this.say(this.sentence(others ? "tied" : "placed", { letter: card.dataset.letter, rank, others }));
    this.changed();
  }

  #changed(event) {
    if (event.target.matches(".place input")) this.#afterPlacing(event.target.closest(".completion"));
    else this.changed();
  }

  #clicked({ target }) {
    const chip = target.closest(".chip");
    if (chip) return this.select(this.card(chip.dataset.letter));
    const slot = target.closest(".slot");
    if (slot?.dataset.slot) return this.place(this.current, Number(slot.dataset.slot), { advance: true });
    if (slot) return this.rankOf(this.current) && this.takeBack(this.current);
    this.#focused(target.closest(".completion"));
  }

  #focused(card) {
    if (card && card !== this.current) this.select(card, { focus: false });
  }

  #submitting(event) {
    const left = this.unranked;
    if (!left.length && !this.unanswered.length) return;
    event.preventDefault();
    if (!left.length) return this.#ask(this.unanswered);
    this.select(left[0]);
    this.say(this.sentence("missing", { letters: left.map((card) => card.dataset.letter).join(", ") }));
  }

  #ask(questions) {
    this.select(questions[0].closest(".completion"));
    this.say(this.sentence("unanswered", { labels: questions.map((question) => question.dataset.label).join(", ") }));
  }
}

customElements.define("rank-board", RankBoard);
