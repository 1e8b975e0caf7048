/* A link that opens a dialog of the same page instead, by a click or by its key; without JavaScript it stays a link. */
import { asksForNewTab } from "new-tab";

class DialogLink extends HTMLElement {
  connectedCallback() {
    this.controller = new AbortController();
    this.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("podium:key", (event) => this.#pressed(event), { signal: this.controller.signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  get dialog() {
    return document.getElementById(this.dataset.opens);
  }

  #clicked(event) {
    if (asksForNewTab(event)) return;
    event.preventDefault();
    this.dialog.showModal();
  }

  #pressed(event) {
    const { key, writing, again } = event.detail;
    if (key !== this.dataset.key || writing || again) return;
    if (this.dialog.open) this.dialog.close();
    else if (!document.querySelector("dialog[open]")) this.dialog.showModal();
    event.preventDefault();
  }
}

customElements.define("dialog-link", DialogLink);
