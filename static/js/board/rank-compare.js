/* Two completions side by side in a dialog, with the words in which they differ; the server marks them. */
import { get } from "ask-server";

class RankCompare extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", () => this.#load(new URLSearchParams(new FormData(this.querySelector("form")))));
    this.addEventListener("submit", (event) => event.preventDefault());
  }

  /* The chosen completion and the one after it on the screen. */
  open(board) {
    if (!board.dataset.compare) return;
    this.address = board.dataset.compare;
    const inView = [...board.querySelectorAll(".completion")].map((card) => card.dataset.letter);
    const place = inView.indexOf(board.current.dataset.letter);
    this.closest("dialog").showModal();
    this.#load(new URLSearchParams({ one: inView[place], two: inView[place + 1] ?? inView[place - 1] }));
  }

  async #load(letters) {
    this.setAttribute("aria-busy", "true");
    try {
      const answer = await get(`${this.address}?${letters}`);
      if (!answer.ok) throw new Error(answer.status);
      this.innerHTML = await answer.text();
    } catch {
      location.assign(`${this.address}?${letters}`); // the page says what is wrong, or is that of the login
    }
    this.removeAttribute("aria-busy");
  }
}

customElements.define("rank-compare", RankCompare);
