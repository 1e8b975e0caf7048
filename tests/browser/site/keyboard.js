// Read by looking.py's walk(): which elements must be reached by Tab, and what each looked like when it was.
(() => {
  const MAY_HOLD_FOCUS = "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex], [contenteditable]";
  let waiting, unseen, unmarked;

  // Of radio buttons with one name, Tab reaches the chosen one, or the first or last where none is chosen.
  const group = (element) => (element.type === "radio" ? `${element.form?.id} ${element.name}` : null);

  const must = (element) =>
    element.tabIndex >= 0 && !element.disabled && !element.closest("[inert]") &&
    element.checkVisibility({ visibilityProperty: true }) && element.getClientRects().length > 0;

  const name = (element) => element.outerHTML.slice(0, 120);

  // The ring may be drawn by what stands for the control: its label, its neighbour or what holds it.
  const ring = (element) =>
    [element, element.nextElementSibling, element.parentElement, element.closest("label")].some((each) => {
      if (!each || each.checkVisibility({ opacityProperty: true }) === false) return false;
      const style = getComputedStyle(each);
      return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    });

  const inView = (element) => {
    const box = [...element.getClientRects()].find(({ width, height }) => width && height);
    if (!box) return false;
    const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)]; // of a tall field a part is enough
    if (bottom - top < Math.min(box.height, 16)) return false;
    const hit = document.elementFromPoint(box.left + box.width / 2, (top + bottom) / 2);
    return !!hit && (element.contains(hit) || hit.contains(element) || [...(element.labels ?? [])].some((each) => each.contains(hit)));
  };

  window.keyboard = {
    start() {
      document.activeElement?.blur();
      getSelection().setPosition(document.body, 0);
      const root = document.querySelector("dialog:modal") ?? document; // which holds the focus until it is closed
      waiting = new Set([...root.querySelectorAll(MAY_HOLD_FOCUS)].filter(must));
      unseen = [];
      unmarked = [];
      return waiting.size;
    },
    look() {
      const here = document.activeElement;
      if (!waiting.has(here)) return waiting.size;
      for (const each of [...waiting]) if (each === here || (group(here) && group(each) === group(here))) waiting.delete(each);
      if (!inView(here)) unseen.push(name(here));
      if (!ring(here)) unmarked.push(name(here));
      return waiting.size;
    },
    result: () => ({ "never reached": [...waiting].map(name), "out of sight": unseen, "without a ring": unmarked }),
  };
})();
