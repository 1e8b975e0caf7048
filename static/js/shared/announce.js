/* Tells whoever on the page listens for podium:NAME. Elements need not know each other for it. */
export function announce(name, detail) {
  document.dispatchEvent(new CustomEvent(`podium:${name}`, { detail }));
}
