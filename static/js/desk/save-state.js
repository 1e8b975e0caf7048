/*
 * Says whether all is saved. Whoever saves sends podium:state with {source, state, seconds}; the worst of them is shown.
 * "saving" waits a moment before it shows: what is quick need not flicker.
 */
import { announce } from "announce";
import { filled } from "sentence";

const ORDER = ["saved", "saving", "trying", "failed", "logged-out"];
const QUICK = 400; // ms

class SaveState extends HTMLElement {
  states = new Map();

  connectedCallback() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    document.addEventListener("podium:state", ({ detail }) => this.#heard(detail), { signal });
    addEventListener("beforeunload", (event) => this.unsaved && event.preventDefault(), { signal });
    this.querySelector("[data-act]").addEventListener("click", () => announce("now"));
  }

  disconnectedCallback() {
    this.controller.abort();
    clearTimeout(this.timer);
  }

  get worst() {
    return [...this.states.values()].sort((one, two) => ORDER.indexOf(two.state) - ORDER.indexOf(one.state))[0];
  }

  get unsaved() {
    return this.worst !== undefined && this.worst.state !== "saved";
  }

  #heard({ source, state, seconds = 0 }) {
    this.states.set(source, { state, seconds });
    clearTimeout(this.timer);
    if (this.worst.state === "saving") this.timer = setTimeout(() => this.#show(), QUICK);
    else this.#show();
  }

  #show() {
    const { state, seconds } = this.worst;
    const name = state.replace(/-(.)/, (_, letter) => letter.toUpperCase());
    this.dataset.state = state;
    const words = this.querySelector(".save-state__words");
    const said = filled(this.dataset[name], { seconds });
    if (words.textContent !== said) words.textContent = said;
    this.querySelector("[data-act]").hidden = !["failed", "logged-out"].includes(state);
    this.querySelector("a").hidden = state !== "logged-out";
  }
}

customElements.define("save-state", SaveState);
