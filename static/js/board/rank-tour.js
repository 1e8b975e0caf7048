/*
 * The first-run tour: one step of the list at a time, in a panel beside what it explains. It is no dialog: the page works
 * on while it stands there. Closing tells the server, so that it does not come by itself again.
 */
import { post } from "ask-server";
import { asksForNewTab } from "new-tab";

const OWN_ESCAPE = "dialog, textarea, .rail__others, .completion__flags, .scale, .why";

class RankTour extends HTMLElement {
  connectedCallback() {
    this.steps = [...this.querySelectorAll(".tour__step")];
    this.form = this.querySelector("form");
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    this.form.addEventListener("submit", (event) => this.#submitting(event), { signal });
    document.addEventListener("click", (event) => this.#asked(event), { signal });
    document.addEventListener("podium:key", (event) => this.#pressed(event), { signal });
    if (!this.hidden) this.show(1);
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  get step() {
    return Number(this.dataset.step);
  }

  show(number) {
    this.hidden = false;
    this.dataset.step = number;
    this.steps.forEach((step, index) => (step.hidden = index + 1 !== number));
    this.#act("back").hidden = number === 1;
    this.#act("close").hidden = this.#act("next").hidden = number === this.steps.length;
    this.#act("done").hidden = number < this.steps.length;
    this.#mark(this.steps[number - 1].dataset);
    this.querySelector(".tour__step:not([hidden]) [tabindex]").focus({ preventScroll: true });
  }

  close() {
    post(this.form.action, new FormData(this.form), { keepalive: true }).catch(() => {}); // or it comes once more
    this.hidden = true;
    this.#mark({});
    (this.opener ?? document.querySelector(".completion[data-current]"))?.focus();
    this.opener = null;
  }

  /* Rings around what the step explains, and the place beside which the panel stands. */
  #mark({ shows, at }) {
    for (const part of document.querySelectorAll(".toured, .tour-anchor")) part.classList.remove("toured", "tour-anchor");
    if (!shows) return;
    for (const part of document.querySelectorAll(shows)) part.classList.add("toured");
    const anchor = document.querySelector(at);
    anchor.classList.add("tour-anchor");
    anchor.scrollIntoView({ block: "nearest" });
  }

  #act(name) {
    return this.querySelector(`[data-act="${name}"]`);
  }

  #clicked({ target }) {
    const act = target.closest("[data-act]")?.dataset.act;
    if (act === "next") this.show(this.step + 1);
    if (act === "back") this.show(this.step - 1);
  }

  #submitting(event) {
    event.preventDefault();
    this.close();
  }

  /* A link to the page with the tour shows it right here: what is on the board stays. */
  #asked(event) {
    const link = event.target.closest(`[data-opens="${this.id}"]`);
    if (!link || asksForNewTab(event)) return;
    event.preventDefault();
    this.opener = link;
    this.show(1);
  }

  #pressed(event) {
    if (event.detail.key !== "Escape" || this.hidden || event.defaultPrevented) return;
    if (event.target.closest(OWN_ESCAPE) || document.querySelector("dialog[open], :popover-open")) return;
    event.preventDefault();
    this.close();
  }
}

customElements.define("rank-tour", RankTour);
