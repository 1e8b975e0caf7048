/* Around a form that htmx sends when a choice is changed: the choice stays where it is on the screen, though what stands
   above it changes its height; and where no answer came, that is said, nothing is started, and the button is there. */
class LookAgain extends HTMLElement {
  connectedCallback() {
    this.addEventListener("htmx:beforeSwap", () => (this.choice = this.#choice()));
    this.addEventListener("htmx:afterSwap", () => this.#show());
    this.addEventListener("htmx:afterRequest", ({ detail: { failed, xhr } }) => failed && xhr.status && this.#fail());
    for (const name of ["htmx:sendError", "htmx:timeout"]) this.addEventListener(name, () => this.#fail());
  }

  /* The one that has the focus, which htmx gives to the new one of its id, and its place. */
  #choice() {
    const { activeElement: choice } = document;
    return this.contains(choice) && choice.id ? { id: choice.id, top: choice.getBoundingClientRect().top } : null;
  }

  #show() {
    this.removeAttribute("data-has-failed");
    const choice = this.choice && document.getElementById(this.choice.id);
    if (choice) scrollBy({ top: choice.getBoundingClientRect().top - this.choice.top, behavior: "instant" });
  }

  #fail() {
    this.setAttribute("data-has-failed", "");
    this.querySelector("#looked-said").textContent = this.dataset.failed;
    this.querySelector("#start-import")?.setAttribute("disabled", "");
  }
}

customElements.define("look-again", LookAgain);
