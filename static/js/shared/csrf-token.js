/*
 * The session's CSRF token as it is now: the cookie's, for it changes when somebody logs in again, in another tab too. The
 * form's own is that of the session in which it was drawn, and of use only where a browser keeps no cookie.
 */
const FIELD = "csrfmiddlewaretoken";

export function csrfToken() {
  const { content: name } = document.querySelector("meta[name=csrf-cookie]");
  const cookies = document.cookie.split("; ").map((pair) => pair.split("="));
  const now = cookies.find(([other]) => other === name)?.[1];
  return now ?? document.querySelector(`[name=${FIELD}]`)?.value ?? "";
}

export function withToken(data) {
  data.set(FIELD, csrfToken());
  return data;
}

/* For what is kept: the token is no part of what a person chose. */
export function withoutToken(data) {
  data.delete(FIELD);
  return data;
}
