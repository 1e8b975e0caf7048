/* On a phone the navigation is a strip that scrolls sideways: it begins at the page that one is on. */
class NavStrip extends HTMLElement {
  connectedCallback() {
    const nav = this.querySelector("nav");
    const here = nav?.querySelector("[aria-current]");
    if (here) nav.scrollLeft = here.offsetLeft - (nav.clientWidth - here.clientWidth) / 2;
  }
}

customElements.define("nav-strip", NavStrip);
