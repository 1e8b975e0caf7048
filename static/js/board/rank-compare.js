/* Two completions side by side in a dialog, with the words in which they differ; the server marks them. */
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
      const answer = await fetch(`${this.address}?${letters}`, { headers: { "X-Requested-With": "rank-desk" } });
      if (!answer.ok) throw new Error(answer.status);
      this.innerHTML = await answer.text();
    } catch {
      location.assign(`${this.address}?${letters}`); // the browser says what is wrong
    }
    this.removeAttribute("aria-busy");
  }
}

customElements.define("rank-compare", RankCompare);
