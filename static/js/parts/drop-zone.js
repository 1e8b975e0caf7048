/* A form with a file's field that also takes a file dropped on it, and sends it. A file dropped beside it opens nothing:
   the browser would leave the page for it. Where scripts are off the field is there as ever. */
class DropZone extends HTMLElement {
  connectedCallback() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    const elsewhere = (event) => holdsFiles(event) && event.preventDefault();
    document.addEventListener("dragover", elsewhere, { signal });
    document.addEventListener("drop", elsewhere, { signal });
    this.addEventListener("dragover", (event) => this.toggleAttribute("data-over", holdsFiles(event)), { signal });
    this.addEventListener("dragleave", (event) => this.#left(event), { signal });
    this.addEventListener("drop", (event) => this.#take(event), { signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  #left({ relatedTarget: to }) {
    if (!this.contains(to)) this.removeAttribute("data-over");
  }

  #take({ dataTransfer: { files } }) {
    this.removeAttribute("data-over");
    if (!files.length) return;
    this.querySelector("[role=status]").textContent = files.length > 1 ? this.dataset.several : "";
    if (files.length > 1) return;
    this.querySelector("input[type=file]").files = files;
    this.querySelector("form").requestSubmit();
  }
}

const holdsFiles = ({ dataTransfer }) => Boolean(dataTransfer?.types.includes("Files"));

customElements.define("drop-zone", DropZone);
