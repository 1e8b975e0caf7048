/* Around a form that htmx sends a moment after a choice was changed, for who types changes it with each letter. Until
   there is an answer nothing is started, for the button says what was looked at and not what is chosen; an answer to what
   was chosen before doesn't come any more. The choice stays where it is on the screen, though what stands above it changes
   its height. Where no answer came, that is said, and the button to look again is there. */
class LookAgain extends HTMLElement {
  connectedCallback() {
    this.addEventListener("change", ({ target: { form } }) => this.#wait(form));
    this.addEventListener("htmx:beforeSwap", () => (this.choice = this.#choice()));
    this.addEventListener("htmx:afterSwap", () => this.#show());
    this.addEventListener("htmx:afterRequest", ({ detail: { failed, xhr } }) => failed && xhr.status && this.#fail());
    for (const name of ["htmx:sendError", "htmx:timeout"]) this.addEventListener(name, () => this.#fail());
  }

  #wait(form) {
    form.dispatchEvent(new CustomEvent("htmx:abort", { bubbles: true, detail: { elt: form } }));
    this.#holdStart();
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
    this.#holdStart();
  }

  #holdStart() {
    this.querySelector("#start-import")?.setAttribute("disabled", "");
  }
}

customElements.define("look-again", LookAgain);
