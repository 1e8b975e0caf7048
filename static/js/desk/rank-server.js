/* What desk, drafts and outbox ask of the server. A redirect leads to the login page, so none is followed. */
class RankServer extends HTMLElement {
  /* The session's token as it is now: it changes when someone logs in again. */
  get token() {
    const cookies = document.cookie.split("; ").map((cookie) => cookie.split("="));
    const now = cookies.find(([name]) => name === this.dataset.csrfCookie)?.[1];
    return now ?? document.querySelector("[name=csrfmiddlewaretoken]").value;
  }

  post(address, data, options = {}) {
    const headers = { "X-Requested-With": "rank-desk" };
    return fetch(address, { method: "POST", redirect: "manual", headers, body: new URLSearchParams(data), ...options });
  }

  /* A board; null where the server has none. */
  async board(address, options = {}) {
    const form = this.closest("rank-desk").querySelector("[name=csrfmiddlewaretoken]");
    const headers = { "X-Requested-With": "rank-desk", "X-CSRFToken": form.value };
    const answer = await fetch(address, { ...options, headers, redirect: "error" });
    if (answer.status === 204) return null;
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? "", { cause: answer.status });
    const pace = answer.headers.get("X-Pace"); // an answer that was taken back counts no more
    if (pace) document.dispatchEvent(new CustomEvent("podium:pace", { detail: JSON.parse(pace) }));
    const template = document.createElement("template");
    template.innerHTML = await answer.text();
    return template.content.querySelector("rank-board");
  }
}

customElements.define("rank-server", RankServer);
