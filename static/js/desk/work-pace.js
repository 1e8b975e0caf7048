/* The person's own count and pace of the day, and a gentle word about a break after a while of work. */
import { filled } from "sentence";

const TICK = 30_000; // ms
const AWAY = 5 * 60_000; // ms without a sign: a break was taken

class WorkPace extends HTMLElement {
  connectedCallback() {
    this.worked = 0;
    this.lastSign = Date.now();
    this.controller = new AbortController();
    const { signal } = this.controller;
    for (const name of ["keydown", "pointerdown", "scroll"]) {
      document.addEventListener(name, () => this.#sign(), { signal, passive: true, capture: true });
    }
    document.addEventListener("podium:pace", ({ detail }) => this.#count(detail), { signal });
    this.reminder = this.querySelector(".bar__break");
    this.reminder.querySelector("button").addEventListener("click", () => this.#restart());
    this.timer = setInterval(() => this.#tick(), TICK);
  }

  disconnectedCallback() {
    this.controller.abort();
    clearInterval(this.timer);
  }

  #sign() {
    if (Date.now() - this.lastSign > AWAY) this.#restart();
    this.lastSign = Date.now();
  }

  #tick() {
    if (document.hidden || Date.now() - this.lastSign > TICK) return;
    this.worked += TICK / 60_000;
    const limit = Number(this.dataset.breakMinutes);
    if (limit && this.worked >= limit) this.reminder.hidden = false;
  }

  #restart() {
    this.worked = 0;
    this.reminder.hidden = true;
  }

  #count({ today, seconds }) {
    if (today === undefined) return;
    const { goal, words, wordsFirst, wordsGoal } = this.dataset;
    const sentence = !seconds ? wordsFirst : goal ? wordsGoal : words;
    this.querySelector(".bar__count").textContent = filled(sentence, { today, goal, seconds });
    const progress = this.querySelector("progress");
    if (progress) progress.value = today;
  }
}

customElements.define("work-pace", WorkPace);
