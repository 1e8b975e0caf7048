/* A link that opens a dialog of the same page instead, by a click or by its key; without JavaScript it stays a link. */
class DialogLink extends HTMLElement {
  connectedCallback() {
    this.controller = new AbortController();
    this.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal: this.controller.signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  get dialog() {
    return document.getElementById(this.dataset.opens);
  }

  #clicked(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab was asked for
    event.preventDefault();
    this.dialog.showModal();
  }

  #pressed(event) {
    if (event.key !== this.dataset.key || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest("textarea, select, input:not([type=radio], [type=checkbox])")) return;
    if (this.dialog.open) this.dialog.close();
    else if (!document.querySelector("dialog[open]")) this.dialog.showModal();
    event.preventDefault();
  }
}

customElements.define("dialog-link", DialogLink);
