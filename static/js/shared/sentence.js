/* A sentence in the page's language with its {values} filled in. */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
