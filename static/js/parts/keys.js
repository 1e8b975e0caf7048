/*
 * What a key means, by what is printed on it: sends podium:key from where a key went down, with detail.key as a digit, a
 * small Latin letter, a mark such as "?" or a name such as "Enter"; detail.writing in a text field, detail.again where a
 * key is held down that must act once. Whoever acts on it calls its preventDefault(). No other module reads keys, but for
 * an Escape that no layout has elsewhere.
 */
const NAME = /^[A-Z][A-Za-z0-9]+$/;
const FIELDS = "textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])";
const MAY_REPEAT = /^(Arrow|[jk]$)/; // a key held down moves on, and does nothing else twice
// Without Shift the upper row of AZERTY, BÉPO, Czech, Thai gives no digit though one is printed there. Nor does that of
// Programmer Dvorak, whose digits stand in another order: these are its marks, of which & and ( are those of AZERTY too.
const DVORAK = {
  Digit1: "&", Digit2: "[", Digit3: "{", Digit4: "}", Digit5: "(", Digit6: "=", Digit7: "*", Digit8: ")", Digit9: "+", Digit0: "]",
};
const SHARED = "&(";
const STAND_STILL = /^Key[B-LN-PR-VX]$/; // letters that QWERTY, QWERTZ and AZERTY have at the same place
let moved = false; // whether this keyboard has them elsewhere, as Dvorak does

navigator.keyboard?.getLayoutMap?.().then((map) => notice("KeyS", map.get("KeyS") ?? ""), () => {});

document.addEventListener("keydown", (event) => {
  if (!event.key || event.isComposing || event.defaultPrevented) return; // a browser that fills in a form sends no key
  if (event.ctrlKey || event.altKey || event.metaKey || event.getModifierState("AltGraph")) return;
  const key = meaning(event);
  if (!key) return;
  const detail = { key, writing: event.target.closest(FIELDS) !== null, again: event.repeat && !MAY_REPEAT.test(key) };
  const said = new CustomEvent("podium:key", { bubbles: true, cancelable: true, detail });
  if (!event.target.dispatchEvent(said)) event.preventDefault();
});

function meaning({ key, code, shiftKey }) {
  notice(code, key);
  // An input method that is switched on, but not at work in a field, says "Process" for every key.
  const printed = key === "Process" ? "" : key.normalize("NFKC");
  if (NAME.test(printed)) return printed;
  if (/^\p{Nd}$/u.test(printed)) return digit(printed);
  if (/^[a-z]$/i.test(printed)) return shiftKey ? "" : printed.toLowerCase();
  if (/^[?؟՞]$/.test(printed)) return "?";
  if (shiftKey) return "";
  if (code.startsWith("Digit")) return isDvorak(code, printed) ? "" : code.at(-1);
  if (code.startsWith("Key") && isForeign(printed)) return code.at(-1).toLowerCase();
  return printed;
}

/* Every script's digits stand in a row of ten that begins at a code point ...0 or ...6. */
function digit(character) {
  const point = character.codePointAt(0);
  const last = point % 16;
  const fromZero = /^\p{Nd}$/u.test(String.fromCodePoint(point - last));
  return String(fromZero ? last : last - 6);
}

/* A letter or a vowel sign of another script has the Latin letter beside it on its key; an é and a comma have none. */
function isForeign(printed) {
  return printed === "" || (/[\p{L}\p{M}]/u.test(printed) && !/\p{Script=Latin}/u.test(printed));
}

function isDvorak(code, printed) {
  return DVORAK[code] === printed && (moved || !SHARED.includes(printed));
}

function notice(code, key) {
  if (STAND_STILL.test(code) && /^[a-z]$/i.test(key)) moved = key.toLowerCase() !== code.at(-1).toLowerCase();
}
