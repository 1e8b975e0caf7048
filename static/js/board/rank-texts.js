/* How the texts are read: long ones folded at one height, in the person's own order, or as they were written. */
import { BrowserStore } from "browser-store";

const WORTH_FOLDING = 96; // px beyond the fold: to hide less would cost more than it saves
const PLAIN = "podium-plain-text"; // kept for the next prompt and the next day

class RankTexts extends HTMLElement {
  store = new BrowserStore("local");

  connectedCallback() {
    this.board = this.closest("rank-board");
    if (this.shown) return;
    this.shown = [...this.board.cards]; // the order that the server gave
    this.board.addEventListener("click", ({ target }) => {
      if (target.closest(".board__unfold")) this.#unfoldPrompt(target.closest(".board__unfold"));
      if (target.closest(".completion__more")) this.toggle(target.closest(".completion"));
    });
    const prompt = this.board.querySelector(".board__prompt");
    if (prompt) this.#measure(prompt);
    this.#showPlain(this.store.read(PLAIN) === true);
    this.#fold(this.board.cards);
  }

  /* Opens or folds a card's text. Only one that is longer than the fold has anything to open. */
  toggle(card) {
    if (card.querySelector(".completion__more").hidden) return;
    this.#mark(card, !("folded" in card.dataset));
    if (card.getBoundingClientRect().top < 0) card.scrollIntoView({ block: "start" });
  }

  order() {
    const sorted = this.#button("order", this.board.dataset.order !== "own");
    const byRank = (card) => this.board.rankOf(card) || Infinity;
    const cards = sorted ? this.shown.toSorted((one, two) => byRank(one) - byRank(two)) : this.shown;
    this.board.dataset.order = sorted ? "own" : "shown";
    this.board.form.append(...cards);
    this.board.select(this.board.current);
    this.board.status.say(sorted ? "sorted" : "unsorted");
  }

  plain() {
    const plain = this.board.dataset.plain !== "on";
    this.store.write(PLAIN, plain);
    this.#showPlain(plain);
    this.#fold(this.board.cards.filter((card) => "folded" in card.dataset));
  }

  /* Whether there is something to unfold: measured without the button that does it. */
  #measure(prompt) {
    prompt.removeAttribute("data-longer");
    const parts = [prompt, ...prompt.querySelectorAll("[data-role=system] > *")];
    prompt.toggleAttribute("data-longer", parts.some((part) => part.scrollHeight > part.clientHeight + 1));
  }

  #unfoldPrompt(button) {
    const open = this.board.querySelector(".board__prompt").toggleAttribute("data-open");
    button.setAttribute("aria-expanded", String(open));
  }

  #showPlain(plain) {
    this.#button("plain", plain);
    this.board.dataset.plain = plain ? "on" : "off";
    for (const source of this.board.querySelectorAll(":not([data-alike]) > .prose + .source")) {
      source.hidden = !plain;
      source.previousElementSibling.hidden = plain;
    }
  }

  /* Written, then measured, then written: to measure between two writings would lay the page out for each card. */
  #fold(cards) {
    for (const card of cards) card.dataset.folded = "";
    const hidden = cards.map((card) => {
      const text = card.querySelector(".completion__text");
      return text.scrollHeight - text.clientHeight;
    });
    for (const [place, card] of cards.entries()) {
      const worth = hidden[place] > WORTH_FOLDING;
      card.querySelector(".completion__more").hidden = !worth;
      this.#mark(card, worth);
    }
  }

  #mark(card, folded) {
    card.toggleAttribute("data-folded", folded);
    card.querySelector(".completion__more").setAttribute("aria-expanded", String(!folded));
  }

  #button(tool, pressed) {
    document.querySelector(`[data-tool="${tool}"]`)?.setAttribute("aria-pressed", String(pressed));
    return pressed;
  }
}

customElements.define("rank-texts", RankTexts);
