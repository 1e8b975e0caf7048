/* Counts the seconds in which the person is at work: the page visible, and a key, pointer or scroll in the last 30 s. */
const STILL_ACTIVE = 30_000; // ms
const TICK = 500; // ms

class ActiveTime extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.seconds = Number(this.input.value) || 0;
    this.lastSign = performance.now();
    this.lastTick = performance.now();
    this.controller = new AbortController();
    const { signal } = this.controller;
    for (const name of ["keydown", "pointerdown", "pointermove", "scroll", "wheel"]) {
      document.addEventListener(name, () => (this.lastSign = performance.now()), { signal, passive: true, capture: true });
    }
    this.closest("form").addEventListener("submit", () => this.#tick(), { signal });
    this.timer = setInterval(() => this.#tick(), TICK);
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    this.controller.abort();
  }

  #tick() {
    const now = performance.now();
    // A sleeping tab ticks late: what lies between two ticks counts only where it is about one tick long.
    const passed = Math.min(now - this.lastTick, 2 * TICK);
    if (!document.hidden && now - this.lastSign < STILL_ACTIVE) this.seconds += passed / 1000;
    this.lastTick = now;
    this.input.value = this.seconds.toFixed(1);
  }
}

customElements.define("active-time", ActiveTime);
