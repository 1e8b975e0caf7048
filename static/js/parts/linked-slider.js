/* A slider for the number field that data-number names. Each moves the other; only the number has a name and is sent. */
class LinkedSlider extends HTMLElement {
  connectedCallback() {
    const slider = this.querySelector("input");
    const number = document.getElementById(this.dataset.number);
    slider.addEventListener("input", () => {
      number.value = slider.value;
      number.dispatchEvent(new Event("input", { bubbles: true }));
    });
    number.addEventListener("input", (event) => {
      if (event.isTrusted) slider.value = number.value;
    });
  }
}

customElements.define("linked-slider", LinkedSlider);
