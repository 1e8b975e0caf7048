/* Copies a field's text. Where the clipboard is closed (plain HTTP), it selects the text for the person to copy. */
class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.#copy());
  }

  async #copy() {
    const field = document.getElementById(this.dataset.from);
    const button = this.querySelector("button");
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = this.dataset.copied;
    } catch {
      button.textContent = this.dataset.selected;
    }
  }
}

customElements.define("copy-button", CopyButton);
