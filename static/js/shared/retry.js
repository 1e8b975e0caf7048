/*
 * Tries something again, later each time; at once where the network is back, the person comes back to the window or asks
 * for it. Tells each second how many are left.
 */
const WAITS = [1, 2, 4, 8, 15, 30]; // s between tries, the last one from then on

export class Retry {
  #act;
  #timer = null;
  #tries = 0;

  constructor(act, signal) {
    this.#act = act;
    for (const [target, name] of [[document, "podium:now"], [window, "online"], [window, "focus"]]) {
      target.addEventListener(name, () => this.waiting && this.#now(), { signal });
    }
    signal.addEventListener("abort", () => this.stop());
  }

  get waiting() {
    return this.#timer !== null;
  }

  get again() {
    return this.#tries > 0;
  }

  later(tell = () => {}) {
    this.stop();
    const wait = WAITS[Math.min(this.#tries++, WAITS.length - 1)];
    const until = performance.now() + wait * 1000; // by the clock: where the tab is hidden ticks may be a minute apart
    const tick = () => {
      const seconds = Math.round((until - performance.now()) / 1000);
      if (seconds > 0) tell(seconds);
      else this.#now();
    };
    this.#timer = setInterval(tick, 1000);
    tick();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  succeeded() {
    this.stop();
    this.#tries = 0;
  }

  #now() {
    this.stop();
    this.#act();
  }
}
