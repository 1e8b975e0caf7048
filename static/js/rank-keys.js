/* The keys of the ranking board. They do nothing in a text field or a reason, under a dialog, with Ctrl, Alt or Meta. */
class RankKeys extends HTMLElement {
  connectedCallback() {
    this.controller = new AbortController();
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal: this.controller.signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  #pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || event.isComposing) return;
    if (event.key === "Escape" && event.target.closest(".rail__others")) return this.#leave(event.target);
    if (hasOwnKeys(event.target) || document.querySelector("dialog[open]")) return;
    const act = /^[0-9]$/.test(event.key) ? this.#digit : this.#keys[event.key];
    if (!act || act.call(this, event) === false) return;
    event.preventDefault();
  }

  /* From a comment or a reason back to the completions. */
  #leave(field) {
    field.closest("#skip, #cannot-rank")?.removeAttribute("open");
    this.#board.select(this.#board.current);
  }

  get #board() {
    return this.closest("rank-board");
  }

  #digit({ key }) {
    const board = this.#board;
    board.place(board.current, Number(key) || 10, { advance: true });
  }

  #keys = {
    ArrowDown: () => this.#board.selectBeside(1),
    ArrowUp: () => this.#board.selectBeside(-1),
    j: () => this.#board.selectBeside(1),
    k: () => this.#board.selectBeside(-1),
    ArrowLeft: () => this.#board.move(this.#board.current, -1),
    ArrowRight: () => this.#board.move(this.#board.current, 1),
    Backspace: () => this.#board.takeBack(this.#board.current),
    Enter: (event) => {
      // Links, buttons and folds keep their own Enter, and a key held down submits once.
      if (event.target.closest("a, button, summary")) return false;
      if (!event.repeat) this.#board.submit();
    },
    s: () => openSkip(),
  };
}

function openSkip() {
  const skip = document.getElementById("skip");
  skip.open = true;
  skip.querySelector("input[type=radio]").focus();
}

/* Text fields, and the reasons for a skip, among which arrows choose and Enter sends. */
function hasOwnKeys(target) {
  const fields = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
  return target.closest(`${fields}, .rail__others`) !== null;
}

customElements.define("rank-keys", RankKeys);
