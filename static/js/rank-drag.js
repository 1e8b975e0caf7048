/* Dragging chips between the slots of the board, with mouse, pen or finger. Escape lets go. */
const FAR_ENOUGH = 6; // px: less is a click

class RankDrag extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    this.board.addEventListener("pointerdown", (event) => this.#start(event));
  }

  #start(event) {
    const chip = event.target.closest(".chip");
    if (!chip || event.button !== 0) return;
    const drag = { chip, x: event.clientX, y: event.clientY, slot: null, far: false };
    const controller = new AbortController();
    const { signal } = controller;
    const end = (drop) => {
      controller.abort();
      this.#end(drag, drop);
    };
    document.addEventListener("pointermove", (move) => this.#move(drag, move), { signal });
    document.addEventListener("pointerup", () => end(true), { signal });
    document.addEventListener("pointercancel", () => end(false), { signal });
    document.addEventListener("keydown", (key) => key.key === "Escape" && end(false), { signal });
  }

  #move(drag, { clientX, clientY }) {
    const [dx, dy] = [clientX - drag.x, clientY - drag.y];
    drag.far ||= Math.hypot(dx, dy) > FAR_ENOUGH;
    if (!drag.far) return;
    drag.chip.dataset.dragging = "";
    drag.chip.style.translate = `${dx}px ${dy}px`;
    const slot = document.elementFromPoint(clientX, clientY)?.closest(".slot") ?? null;
    if (slot === drag.slot) return;
    delete drag.slot?.dataset.over;
    drag.slot = slot;
    if (slot) slot.dataset.over = "";
  }

  #end({ chip, slot, far }, drop) {
    delete chip.dataset.dragging;
    delete slot?.dataset.over;
    if (!far) return;
    // The click that follows a drop belongs to the drag. Where none follows, the listener must not wait for the next.
    const swallow = (click) => click.stopPropagation();
    this.board.addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => this.board.removeEventListener("click", swallow, { capture: true }));
    const card = this.board.card(chip.dataset.letter);
    if (drop && slot?.dataset.slot) this.board.place(card, Number(slot.dataset.slot));
    else if (drop && slot && this.board.rankOf(card)) this.board.takeBack(card);
    chip.style.translate = "";
  }
}

customElements.define("rank-drag", RankDrag);
