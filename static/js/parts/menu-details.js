/* A menu made of <details> that closes on Escape, and when the person clicks or tabs elsewhere. */
class MenuDetails extends HTMLElement {
  connectedCallback() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    document.addEventListener("click", (event) => this.contains(event.target) || this.close(), { signal });
    this.addEventListener("focusout", ({ relatedTarget: next }) => next && !this.contains(next) && this.close());
    this.addEventListener("keydown", (event) => event.key === "Escape" && this.close({ focus: true }), { signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  close({ focus = false } = {}) {
    const details = this.querySelector("details");
    if (focus && details.open) details.querySelector("summary").focus();
    details.open = false;
  }
}

customElements.define("menu-details", MenuDetails);
