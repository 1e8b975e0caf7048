/* A list of a page's sections that marks the one that is read: the last that began in the window's upper third. At the
   page's end, where short sections never get so far, it is the one that was asked for, or the last. */
class SectionList extends HTMLElement {
  connectedCallback() {
    this.links = [...this.querySelectorAll("a")];
    this.controller = new AbortController();
    const { signal } = this.controller;
    const soon = () => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.#mark());
    };
    for (const event of ["scroll", "resize", "hashchange"]) addEventListener(event, soon, { signal, passive: true });
    soon();
  }

  disconnectedCallback() {
    this.controller.abort();
    cancelAnimationFrame(this.frame);
  }

  #mark() {
    const read = this.#read();
    for (const link of this.links) {
      if (link === read) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    }
  }

  #read() {
    if (innerHeight + scrollY >= document.documentElement.scrollHeight - 2) {
      const asked = this.links.find((link) => link.hash === location.hash);
      return asked && top(asked) >= 0 && top(asked) < innerHeight ? asked : this.links.at(-1);
    }
    return this.links.findLast((link) => top(link) < innerHeight / 3) ?? this.links[0];
  }
}

const top = (link) => document.getElementById(link.hash.slice(1)).getBoundingClientRect().top;

customElements.define("section-list", SectionList);
