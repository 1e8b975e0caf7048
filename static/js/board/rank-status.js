/* What was done last and what is left to do, read out by a screen reader. Its sentences come from the server in data-says. */
import { filled } from "sentence";

class RankStatus extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    this.sentences = JSON.parse(this.dataset.says);
  }

  /* The sentence of that name with its {values} filled in; without a name only what is left. */
  say(name, values = {}) {
    this.last = [name, values];
    this.textContent = `${name && this.#sentence(name, values)} ${this.#left()}`.trim();
  }

  /* Once what is left to do has become known. */
  again() {
    this.say(...(this.last ?? [""]));
  }

  #sentence(name, values) {
    return filled(this.sentences[name], values);
  }

  #left() {
    const { best, form, toGo, unanswered, unsaid } = this.board;
    if (toGo) return this.#sentence("left", { n: toGo });
    if (unanswered.length) return this.#sentence("questions", { n: unanswered.length });
    if (unsaid.length) return this.#sentence("asks", { n: unsaid.length });
    return this.sentences[form.querySelector(".question") ? "answered" : best ? "all_best" : "all"];
  }
}

customElements.define("rank-status", RankStatus);
