/* Whether a click on a link asks for a new tab or window, which the browser opens. */
export function asksForNewTab(event) {
  return event.ctrlKey || event.metaKey || event.shiftKey;
}
