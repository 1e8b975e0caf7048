/* Offers to take back what was just sent, while the server lets it: first unsent from the outbox, then by its address. */
class UndoOffer extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector(".undo__button");
    this.words = this.querySelector(".undo__said");
    if (!this.button.hidden) this.#until(Number(this.dataset.seconds));
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
  }

  /* An answer left this board and is on its way; null where it can't be taken back. */
  sent(board) {
    const task = board?.dataset.task ?? "";
    this.kept = board;
    this.task = task;
    this.address = "";
    this.words.textContent = "";
    this.button.hidden = !task;
    this.hidden = !task;
    clearTimeout(this.timer);
  }

  /* The server has it. An older answer that arrives late is not what the button is for any more. */
  arrived({ task, said, address, seconds }) {
    if (this.task && task !== this.task) return;
    this.address = address;
    this.words.textContent = said;
    this.button.hidden = !address;
    this.hidden = false;
    this.#until(seconds);
  }

  /* The board as it was, where the answer was not sent yet; else null, and the server has it. */
  async accept(outbox) {
    const unsent = this.task && (await outbox.take(this.task));
    this.hidden = true;
    return unsent ? this.kept : null;
  }

  #until(seconds) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const focused = this.contains(document.activeElement);
      this.hidden = true;
      if (focused) document.querySelector(".completion[data-current]")?.focus();
    }, seconds * 1000);
  }
}

customElements.define("undo-offer", UndoOffer);
