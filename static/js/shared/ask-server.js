/*
 * What the board and the desk ask of the server, as their script: it answers with a fragment or JSON, and with a redirect only
 * where nobody is logged in. So none is followed.
 */
import { announce } from "announce";
import { withToken } from "csrf-token";

const HEADERS = { "X-Requested-With": "rank-desk" };

export function get(address) {
  return fetch(address, { redirect: "manual", headers: HEADERS });
}

/* Data is that of a form; options are fetch's. */
export function post(address, data = {}, options = {}) {
  const body = withToken(new URLSearchParams(data));
  return fetch(address, { method: "POST", redirect: "manual", headers: HEADERS, body, ...options });
}

/* The board that is answered; null where the server has none. A refusal is an error that has the answer as its cause. */
export async function boardOf(asked) {
  const answer = await asked;
  if (answer.status === 204) return null;
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? "", { cause: answer });
  const pace = answer.headers.get("X-Pace"); // an answer that was taken back counts no more
  if (pace) announce("pace", JSON.parse(pace));
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content.querySelector("rank-board");
}
