/*
 * The keys of the ranking board, and the buttons that do the same. Keys do nothing in a text field or a reason and under a
 * dialog. data-single-keys="off" leaves arrows, Enter, Backspace and Escape only (WCAG 2.1.4).
 */
const OWN_KEYS = ".rail__others, [popover]:popover-open"; // among reasons arrows choose, and Enter sends

class RankKeys extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    this.texts = this.board.querySelector("rank-texts");
    this.asks = this.board.querySelector("rank-asks");
    this.questions = this.board.querySelector("rank-questions");
    this.alone = this.board.dataset.slots === "1";
    this.controller = new AbortController();
    const { signal } = this.controller;
    document.addEventListener("podium:key", (event) => this.#pressed(event), { signal });
    document.addEventListener("click", (event) => this.#clicked(event), { signal });
  }

  disconnectedCallback() {
    this.controller.abort();
  }

  #pressed(event) {
    const { key, writing, again } = event.detail;
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    if (key === "Escape") return this.#leave(event.target);
    if (writing || event.target.closest(OWN_KEYS)) return;
    if (key.startsWith("Arrow") && event.target.closest(".question, .scale")) return; // they choose an answer
    if (key.length === 1 && this.dataset.singleKeys === "off") return;
    const act = /^[0-9]$/.test(key) ? this.#digit : this.#keys[key];
    if (act && (again || act.call(this, event) !== false)) event.preventDefault();
  }

  #clicked({ target }) {
    const tool = target.closest("[data-tool]");
    if (!tool) return;
    tool.closest("[popover]:popover-open")?.hidePopover();
    this.#tools[tool.dataset.tool]();
  }

  /* From a comment, a flag or a reason back to the completions. */
  #leave(field) {
    this.asks?.leave();
    if (!field.closest(".rail__others, .completion__flags, .scale, .why")) return;
    field.closest("#skip, #cannot-rank")?.removeAttribute("open");
    this.board.select(this.board.current);
  }

  #digit({ detail: { key } }) {
    if (this.asks?.digit(Number(key) || 10)) return;
    if (this.alone) return this.questions?.pick(Number(key));
    this.board.place(this.board.current, Number(key) || 10, { advance: true });
  }

  /* The card before or after the chosen one. */
  #choose(step) {
    const inView = [...this.board.form.querySelectorAll(".completion")]; // which may be in the person's own order
    const place = inView.indexOf(this.board.current) + step;
    this.board.select(inView[Math.min(Math.max(place, 0), inView.length - 1)]);
  }

  #move(step) {
    if (this.asks?.move(step)) return;
    const { current, slots, status } = this.board;
    const rank = this.board.rankOf(current);
    if (!rank) return status.say("unplaced", { letter: current.dataset.letter, slots });
    this.board.place(current, Math.min(Math.max(rank + step, 1), slots));
  }

  #answer(value) {
    if (!this.questions) return false;
    this.questions.answer(value);
  }

  #asks(act, ...values) {
    return this.asks?.[act](...values) ?? (this.asks ? undefined : false);
  }

  #tools = {
    compare: () => !this.alone && document.querySelector("rank-compare").open(this.board),
    order: () => !this.alone && this.texts.order(),
    plain: () => this.texts.plain(),
  };

  #keys = {
    ArrowDown: () => this.#choose(1),
    ArrowUp: () => this.#choose(-1),
    j: () => this.#choose(1),
    k: () => this.#choose(-1),
    ArrowLeft: () => !this.alone && this.#move(-1),
    ArrowRight: () => !this.alone && this.#move(1),
    Backspace: () => (this.alone ? this.questions : this.board).takeBack(this.board.current),
    a: () => this.#asks("go"),
    d: () => this.#asks("rest"),
    l: () => this.#asks("line", 1),
    h: () => this.#asks("line", -1),
    w: () => this.#asks("why"),
    v: () => this.#asks("rewrite"),
    y: () => this.#answer("1"),
    n: () => this.#answer("0"),
    Enter: (event) => {
      if (event.target.closest("a, button, summary")) return false; // they keep their own Enter
      this.board.form.requestSubmit();
    },
    s: () => this.#open("#skip", "input[type=radio]"),
    m: () => this.#open("#comment", "textarea"),
    e: () => this.board.querySelector(".earlier summary")?.click(),
    f: () => {
      const flag = this.board.current.querySelector(".completion__flags input");
      if (flag) flag.focus();
      else this.board.status.say("no_flags");
    },
    o: () => this.texts.toggle(this.board.current),
    z: () => document.querySelector("undo-offer:not([hidden]) .undo__button:not([hidden])")?.click(),
    c: () => this.#tools.compare(),
    r: () => this.#tools.order(),
    t: () => this.#tools.plain(),
  };

  #open(fold, field) {
    const details = this.board.querySelector(fold);
    if (!details) return false;
    details.open = true;
    details.querySelector(field).focus();
  }
}

customElements.define("rank-keys", RankKeys);
