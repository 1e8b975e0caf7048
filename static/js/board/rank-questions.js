/*
 * The yes/no questions of a classification. Their radio buttons are the truth; one question of the chosen card is marked,
 * and the keys y and n answer it. An answer marks the next open question of the card.
 */
const YES = "1";

class RankQuestions extends HTMLElement {
  connectedCallback() {
    this.board = this.closest("rank-board");
    if (this.wired) return; // set aside for an undo and back again
    this.wired = true;
    this.board.addEventListener("change", ({ target }) => this.#changed(target));
    this.board.addEventListener("focusin", ({ target }) => this.#mark(target.closest(".question")));
    this.board.addEventListener("board:selected", () => this.#mark(this.#next));
    this.#mark(this.#next);
  }

  /* Of the chosen card. */
  get questions() {
    return [...this.board.current.querySelectorAll(".question")];
  }

  get marked() {
    return this.questions.find((question) => "marked" in question.dataset) ?? this.questions[0];
  }

  get #next() {
    return this.questions.find(isOpen) ?? this.marked;
  }

  answer(value) {
    const input = this.marked.querySelector(`input[value="${value}"]`);
    if (input.checked) this.#mark(this.#next);
    else input.click();
  }

  pick(number) {
    if (this.questions[number - 1]) this.#mark(this.questions[number - 1]);
  }

  /* The marked question's answer, or the last one before it that has one. */
  takeBack() {
    const until = this.questions.slice(0, this.questions.indexOf(this.marked) + 1);
    const back = until.reverse().find((question) => !isOpen(question));
    if (!back) return;
    back.querySelector("input:checked").checked = false;
    this.#mark(back);
    this.board.status.say("open", back.dataset);
    this.board.changed();
  }

  #changed(input) {
    const question = input.closest(".question");
    if (!question) return;
    this.board.status.say(input.value === YES ? "yes" : "no", question.dataset);
    this.#mark(this.questions.find(isOpen) ?? question);
  }

  #mark(question) {
    if (!question) return;
    for (const other of this.board.querySelectorAll(".question[data-marked]")) delete other.dataset.marked;
    question.dataset.marked = "";
  }
}

function isOpen(question) {
  return !question.querySelector("input:checked");
}

customElements.define("rank-questions", RankQuestions);
