/*
 * Whether an answer says that nobody is logged in any more: a redirect leads to the login page, and 403 refuses a form of a
 * session that ended. The request must not have followed redirects.
 */
export function isLoggedOut(answer) {
  return answer?.type === "opaqueredirect" || answer?.status === 403;
}
