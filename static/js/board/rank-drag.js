/* Dragging chips between the slots of the board, with mouse, pen or finger (SortableJS). Escape lets go. */
class RankDrag extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    const options = {
      group: "chips",
      sort: false, // there is no order inside a slot
      forceFallback: true, // the browser's own drag image lags and knows no touch
      fallbackOnBody: true,
      fallbackTolerance: 6, // px: less is a click
      draggable: ".chip",
      onStart: () => this.#start(),
      onEnd: (event) => this.#end(event),
    };
    this.lists = [...this.board.querySelectorAll(".slot__chips")].map((list) => window.Sortable.create(list, options));
  }

  disconnectedCallback() {
    this.lists.forEach((list) => list.destroy());
  }

  #start() {
    this.letGo = false;
    this.board.dataset.dragging = "";
    this.controller = new AbortController();
    document.addEventListener("keydown", (key) => this.#pressed(key), { signal: this.controller.signal, capture: true });
  }

  #pressed(key) {
    if (key.key !== "Escape") return;
    key.stopPropagation();
    this.letGo = true;
    document.dispatchEvent(new PointerEvent("pointerup", { bubbles: true }));
  }

  #end({ item, originalEvent }) {
    this.controller.abort();
    delete this.board.dataset.dragging;
    const card = this.board.card(item.dataset.letter);
    // Where the pointer is, not where SortableJS last looked: it looks every 50 ms, and a quick hand is faster.
    const { clientX, clientY } = originalEvent.changedTouches?.[0] ?? originalEvent;
    const under = document.elementFromPoint(clientX, clientY)?.closest(".slot");
    const slot = Number(under?.dataset.slot);
    if (this.letGo || !under || slot === this.board.rankOf(card)) this.board.rail.show([card]);
    else if (slot) this.board.place(card, slot);
    else this.board.takeBack(card);
  }
}

customElements.define("rank-drag", RankDrag);
