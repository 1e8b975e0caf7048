/* A navigation that scrolls sideways where it is longer than its place: it begins at the page that one is on, and
   data-more says on which sides there is more of it. */
class NavStrip extends HTMLElement {
  connectedCallback() {
    const nav = this.querySelector("nav");
    if (!nav) return;
    const here = nav.querySelector("[aria-current]");
    if (here) nav.scrollLeft += middle(here) - middle(nav);
    this.observer = new ResizeObserver(() => this.#mark(nav));
    this.observer.observe(nav);
    nav.addEventListener("scroll", () => this.#mark(nav), { passive: true });
  }

  disconnectedCallback() {
    this.observer?.disconnect();
  }

  // scrollLeft counts down from zero where one reads from right to left.
  #mark(nav) {
    const before = Math.abs(nav.scrollLeft);
    const after = nav.scrollWidth - nav.clientWidth - before;
    this.dataset.more = [before > 1 && "start", after > 1 && "end"].filter(Boolean).join(" ");
  }
}

const middle = (element) => {
  const { left, width } = element.getBoundingClientRect();
  return left + width / 2;
};

customElements.define("nav-strip", NavStrip);
