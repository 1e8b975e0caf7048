// Draws a run's losses from the JSON of the element that data-source names, again whenever htmx brings newer ones.
class LossCurve extends HTMLElement {
  connectedCallback() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    document.addEventListener("htmx:afterSwap", () => this.draw(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(), { signal });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this);
  }

  disconnectedCallback() {
    this.controller.abort();
    this.observer.disconnect();
    this.plot?.destroy();
  }

  draw() {
    const source = document.getElementById(this.dataset.source);
    if (!source || !window.uPlot) return;
    const { steps, loss, validation, ln2 } = JSON.parse(source.textContent);
    this.plot?.destroy();
    this.plot = steps.length ? new window.uPlot(this.options(steps, ln2), [steps, loss, validation, steps.map(() => ln2)], this) : null;
  }

  options(steps, ln2) {
    const style = getComputedStyle(this);
    // A token is light-dark(...); only a real property says which of the two it is here, as a canvas needs to know.
    const colour = (name) => {
      this.style.color = `var(${name})`;
      const value = style.color;
      this.style.color = "";
      return value;
    };
    const { step, training, validation, coin } = this.dataset; // the words, in the page's language
    const soft = colour("--text-soft");
    const axis = { stroke: soft, grid: { stroke: colour("--hairline"), width: 1 }, ticks: { show: false }, font: `13px ${style.fontFamily}` };
    return {
      width: this.clientWidth,
      height: 320,
      padding: [16, 120, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [0, Math.max(...steps)] },
        y: { range: (plot, low, high) => [0, Math.max(1, high * 1.05)] },
      },
      axes: [{ ...axis, label: step, labelFont: axis.font, labelSize: 24, size: 28 }, axis],
      series: [
        {},
        { label: training, stroke: colour("--series-2"), width: 1, spanGaps: true, points: { show: false } },
        { label: validation, stroke: colour("--series-1"), width: 2, spanGaps: true, points: { show: true, size: 6, fill: colour("--series-1") } },
        { label: coin, stroke: soft, width: 1, dash: [6, 6], points: { show: false } },
      ],
      hooks: { draw: [(plot) => this.label(plot, axis.font)] },
    };
  }

  // Each curve's name stands at its end, moved apart where two ends meet.
  label(plot, font) {
    const { ctx, bbox } = plot;
    const scale = devicePixelRatio;
    const ends = plot.series.slice(1).map((series, index) => {
      const values = plot.data[index + 1].filter((value) => value !== null);
      return { text: series.label, colour: series.stroke(), y: plot.valToPos(values.at(-1), "y", true) };
    });
    ctx.save();
    ctx.font = font.replace("13px", `${13 * scale}px`);
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    let above = -Infinity;
    for (const end of ends.filter(({ y }) => Number.isFinite(y)).sort((one, other) => one.y - other.y)) {
      above = Math.max(end.y, above + 16 * scale);
      ctx.fillStyle = end.colour;
      ctx.fillText(end.text, bbox.left + bbox.width + 8 * scale, above);
    }
    ctx.restore();
  }
}

customElements.define("loss-curve", LossCurve);
